// One dialog for all samples: Escape, the button or a click beside the image close it; arrows show the next image of the strip.
const box = document.getElementById("enlarged"), picture = box.querySelector("img"), caption = box.querySelector("p");
let tiles = [], index = 0;

function show(next) {
  index = (next + tiles.length) % tiles.length;
  const image = tiles[index].querySelector("img");
  picture.src = image.src;
  picture.alt = image.alt;
  picture.style.setProperty("--aspect", image.naturalWidth / image.naturalHeight);
  caption.textContent = image.alt;
}

document.addEventListener("click", (event) => {
  const tile = event.target.closest(".tile");
  if (!tile) return;
  tiles = [...tile.closest(".strip").querySelectorAll(".tile")];
  show(tiles.indexOf(tile));
  box.showModal();
});
for (const arrow of box.querySelectorAll("[value]")) arrow.addEventListener("click", () => show(index + Number(arrow.value)));
box.addEventListener("click", (event) => event.target === box && box.close());
box.addEventListener("close", () => tiles[index].focus());
box.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step) show(index + step);
});
