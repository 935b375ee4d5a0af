// Takes the pictures of docs/images: every page, dark and light, 1440 and 390 pixels wide.
//
//   target/release/weft serve --data-dir EMPTY --listen 127.0.0.1:3299 &
//   node end2end/shots.mjs http://127.0.0.1:3299 FOLDER
//   for f in FOLDER/*.png; do cwebp -q 84 -m 6 $f -o docs/images/$(basename $f .png).webp; done
//
// The library is that of a first start and more samples; the pictures are painted by the demonstration model with fixed seeds.
import { chromium } from "playwright-core";

const [url, out] = process.argv.slice(2);
const json = { "content-type": "application/json" };
const api = async (path, body) => (await fetch(url + path, body && { method: "POST", headers: json, body: JSON.stringify(body) })).json();
const idle = async () => {
  for (;;) {
    const jobs = await api("/api/v1/jobs");
    const { unmeasured } = await api("/api/v1/overview");
    if (!unmeasured && !jobs.some((job) => ["queued", "running"].includes(job.state))) return;
    await new Promise((done) => setTimeout(done, 400));
  }
};

await api("/api/v1/samples", {});
await idle();
const cards = (await api("/api/v1/library?limit=200")).items;
const named = (name) => cards.find((card) => card.file_name === `${name}.safetensors`).id;
const checkpoint = (await api("/api/v1/checkpoints")).items[0].id;
const [infrared, duotone, fox, noir] = ["infrared-style", "duotone-style", "zibby-fox", "noir-style"].map(named);
const flux = cards.filter((card) => card.family === "flux1" && card.kind === "lora").map((card) => card.id);
const six = cards.filter((card) => card.family === "sd1").map((card) => card.id).slice(0, 6);
const xl = cards.find((card) => card.family === "sdxl").id;

const paint = (request) => api("/api/v1/generations", { checkpoint, ...request });
const scenes = ["a sailboat on the sea at sunset", "a castle near mountains at dusk", "a hot air balloon over mountains at dawn", "a cactus in the desert at noon", "a palm tree on a tropical beach at sunset"];
if (!(await api("/api/v1/pictures?limit=1")).total) {
  for (const prompt of scenes) await paint({ prompt, count: 2, seed: 10 });
  await paint({ prompt: "infrared style, a palm tree on a tropical beach at noon", seed: 3, adapters: [{ adapter: infrared, weight: 1 }] });
  await paint({ prompt: "zibby fox on green hills at noon", seed: 2, count: 2, adapters: [{ adapter: fox, weight: 1 }] });
}
const axes = [{ axis: "weight", strand: 0, values: [0, 0.4, 0.8, 1.2] }, { axis: "seed", values: [1, 2, 3] }];
const sheet = await paint({ prompt: "infrared style, a sailboat on the sea at sunset", adapters: [{ adapter: infrared, weight: 1 }], axes });
const strands = [{ adapter: fox, weight: 1 }, { adapter: duotone, weight: 0.4 }];
const prompt = "a (zibby fox:1.2) on green hills at sunset, duotone style";
const one = await paint({ prompt, seed: 12, adapters: strands });
await idle();
const picture = (await api("/api/v1/pictures?limit=1")).items[0].id;
const form = { prompt, checkpoint, seed: 12, locked: true, count: 1, strands: strands.map((strand, colour) => ({ ...strand, colour, start: 0, stop: 1 })) };

const PAGES = {
  library: "/",
  adapter: `/adapters/${flux[0]}`,
  "adapter-pictures": `/adapters/${fox}`,
  tools: `/adapters/${xl}`,
  weave: `/weave?ids=${flux[0]},${flux[1]}&w=0.8,0.6`,
  bake: `/weave?ids=${infrared},${noir}&into=${checkpoint}`,
  compare: `/compare?a=${flux[0]},${flux[1]}`,
  "compare-many": `/compare?a=${six.join(",")}`,
  checkpoints: `/checkpoints?id=${checkpoint}`,
  studio: `/studio?generation=${one.id}`,
  "studio-viewer": `/studio?picture=${picture}`,
  "studio-sheet": `/studio?generation=${sheet.id}`,
};
const browser = await chromium.launch({ executablePath: process.env.WEFT_CHROMIUM ?? "/usr/bin/chromium", chromiumSandbox: process.getuid?.() !== 0 });
let complaints = 0;
for (const theme of ["dark", "light"]) {
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, hasTouch: width < 500, isMobile: width < 500, serviceWorkers: "block" });
    const page = await context.newPage();
    const complain = (what) => (complaints++, console.log(theme, width, page.url(), what));
    page.on("console", (message) => message.type() === "error" && complain(message.text()));
    page.on("pageerror", (error) => complain(error.message));
    await page.addInitScript((kept) => localStorage.setItem("weft-studio-form", kept), JSON.stringify(form));
    for (const [name, path] of Object.entries(PAGES)) {
      await page.goto(url + path);
      await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
      if (name === "tools") await page.getByRole("region", { name: "Tools" }).getByRole("button", { name: /^Resize/ }).click().catch(() => complain("no tools"));
      await page.waitForTimeout(1_800);
      await page.screenshot({ path: `${out}/${name}-${theme}-${width}.png` });
    }
    await context.close();
  }
}
await browser.close();
console.log(`${Object.keys(PAGES).length * 4} pictures, ${complaints} complaints`);
