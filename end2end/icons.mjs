// Draws the icons of public/ anew: `node end2end/icons.mjs` (needs the tools of package.json and a Chromium, WEFT_CHROMIUM).
//
// The mark is a plain weave: three warp threads and three weft threads in four colours, each passing over and under the others
// in turn. All is made of rectangles, so that it stays sharp at 16 pixels.
import { writeFileSync } from "node:fs";
import { chromium } from "playwright-core";

const GROUND = "#0f1115";
const WARP = ["#6f8cff", "#36c2a8", "#6f8cff"];
const WEFT = ["#f3a857", "#ee6e93", "#f3a857"];
const AT = [138, 256, 374];
const WIDTH = 68;
const GAP = 15;
const FROM = 44;
const TO = 512 - FROM;

const rect = (x, y, width, height, fill, rx = 0) =>
  `<rect x="${x}" y="${y}" width="${width}" height="${height}"${rx ? ` rx="${rx}"` : ""} fill="${fill}"/>`;

/** The weave in a box of 512. */
function weave() {
  const half = WIDTH / 2;
  const shapes = AT.map((y, j) => rect(FROM, y - half, TO - FROM, WIDTH, WEFT[j], half));
  AT.forEach((x, i) => {
    // The warp thread, with a gap of ground beside it wherever it passes over a weft thread.
    AT.forEach((y) => shapes.push(rect(x - half - GAP, y - half - 0.5, WIDTH + 2 * GAP, WIDTH + 1, GROUND)));
    shapes.push(rect(x - half, FROM, WIDTH, TO - FROM, WARP[i], half));
  });
  AT.forEach((x, i) =>
    AT.forEach((y, j) => {
      if ((i + j) % 2) return;
      // Here the weft thread is on top: the warp thread ends a gap above it and goes on a gap below.
      shapes.push(rect(x - half - 0.5, y - half - GAP, WIDTH + 1, WIDTH + 2 * GAP, GROUND));
      shapes.push(rect(x - half - GAP - 1, y - half, WIDTH + 2 * GAP + 2, WIDTH, WEFT[j]));
    }),
  );
  return shapes.join("\n    ");
}

const svg = (radius, scale) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512">
  <title>Weft</title>
  ${rect(0, 0, 512, 512, GROUND, radius)}
  <g${scale === 1 ? "" : ` transform="translate(256 256) scale(${scale}) translate(-256 -256)"`}>
    ${weave()}
  </g>
</svg>
`;

const rounded = svg(112, 0.86);
const bleeding = svg(0, 0.68);
const out = new URL("../public/", import.meta.url);
writeFileSync(new URL("icon.svg", out), rounded);

const browser = await chromium.launch({ executablePath: process.env.WEFT_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const draw = async (file, source, size) => {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>*{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${source}`);
  await page.screenshot({ path: new URL(file, out).pathname, omitBackground: true });
  await page.close();
};
await draw("icon-192.png", rounded, 192);
await draw("icon-512.png", rounded, 512);
await draw("icon-maskable-512.png", bleeding, 512);
await draw("apple-touch-icon.png", svg(0, 0.82), 180);
await browser.close();
