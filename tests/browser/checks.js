// Returns what is wrong with the layout of the page, as a list of texts; empty where nothing is.
const faults = [];
const name = (node) => `<${node.tagName.toLowerCase()}> ${(node.alt || node.ariaLabel || node.textContent || "").trim().slice(0, 40)}`;
const shown = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true });

const root = document.documentElement;
if (root.scrollWidth > innerWidth) faults.push(`the page is ${root.scrollWidth} px wide in a window of ${innerWidth} px`);

const scrolls = (node) => node && (/auto|scroll|hidden/.test(getComputedStyle(node).overflowX) || scrolls(node.parentElement));
for (const node of document.body.querySelectorAll("*")) {
  if (!shown(node) || node.closest("svg, dialog") || scrolls(node.parentElement)) continue;
  const { left, right, width } = node.getBoundingClientRect();
  if (width && (left < -1 || right > innerWidth + 1)) faults.push(`outside the window: ${name(node)}`);
}

for (const image of document.images) {
  if (!shown(image)) continue;
  if (!image.naturalWidth) faults.push(`not decoded: ${name(image)}`);
  const stretch = image.width / image.height / (image.naturalWidth / image.naturalHeight);
  if (Math.abs(stretch - 1) > 0.02) faults.push(`stretched by ${stretch.toFixed(3)}: ${name(image)}`);
  if (!image.alt) faults.push(`without a text: ${image.src.slice(0, 40)}`);
}

const levels = [...document.querySelectorAll("h1, h2, h3, h4")].filter(shown).map((heading) => Number(heading.tagName[1]));
if (levels.filter((level) => level === 1).length !== 1) faults.push("the page has not exactly one first heading");
levels.forEach((level, i) => i && level > levels[i - 1] + 1 && faults.push(`a heading of level ${level} below one of ${levels[i - 1]}`));

// Contrast by WCAG 2: (L1 + 0.05) / (L2 + 0.05) of the relative luminances of text and background.
const channels = (color) => color.match(/[\d.]+/g).map(Number);
const over = ([r, g, b, alpha = 1], below) => [r, g, b].map((value, i) => value * alpha + below[i] * (1 - alpha));
const linear = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const luminance = (rgb) => rgb.reduce((sum, value, i) => sum + linear(value / 255) * [0.2126, 0.7152, 0.0722][i], 0);
function background(node) {
  const color = channels(getComputedStyle(node).backgroundColor);
  return color.length < 4 ? color : over(color, node.parentElement ? background(node.parentElement) : [255, 255, 255]);
}
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), seen = new Set();
while (texts.nextNode()) {
  const node = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || seen.has(node) || !shown(node) || node.closest("svg, script, style, option, noscript")) continue;
  seen.add(node);
  const below = background(node), pair = [over(channels(getComputedStyle(node).color), below), below].map(luminance);
  const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  if (contrast < 4.495) faults.push(`contrast ${contrast.toFixed(2)}: ${name(node)}`);
}
return faults;
