// One dialog for all samples: Escape, the button or a click beside the image close it; arrows go along the strip.
const box = document.getElementById("enlarged"), picture = box.querySelector("img"), words = box.querySelector("p");
let tiles = [], place = 0;

function show(next) {
  place = (next + tiles.length) % tiles.length;
  const image = tiles[place].querySelector("img");
  picture.src = image.src;
  picture.alt = image.alt;
  words.textContent = image.alt;
}

for (const tile of document.querySelectorAll(".tile")) {
  tile.addEventListener("click", () => {
    tiles = [...tile.closest(".strip").querySelectorAll(".tile")];
    show(tiles.indexOf(tile));
    box.showModal();
  });
}
for (const arrow of box.querySelectorAll("[value]")) arrow.addEventListener("click", () => show(place + Number(arrow.value)));
box.addEventListener("click", (event) => event.target === box && box.close());
box.addEventListener("close", () => tiles[place].focus());
box.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step) show(place + step);
});
