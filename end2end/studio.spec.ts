/** The Studio: from a prompt to pictures, adapters and profiles, sheets, the queue, the viewer, pictures from elsewhere. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Page } from "@playwright/test";

import { expect, test, type Weft } from "./fixtures";
import { axeWith, withPainter } from "./support";

/** Small and quick: two steps, 64 by 64. */
const QUICK = { numbers: { steps: 2 }, size: [64, 64] };

type Painter = { checkpoint: number; adapters: number[] };

/** The Studio with a form of its own, as if it had been left like that. */
async function studio(page: Page, open: (path: string) => Promise<Page>, painter: Painter, form: object = {}, path = "/studio"): Promise<void> {
  const kept = { prompt: "a red fox", checkpoint: painter.checkpoint, ...QUICK, ...form };
  await page.addInitScript((text) => localStorage.setItem("weft-studio-form", localStorage.getItem("weft-studio-form") ?? text), JSON.stringify(kept));
  await open(path);
  await expect(page.getByRole("textbox", { name: "Prompt", exact: true })).toHaveValue(/.+/);
}

const strand = (adapter: number, colour: number, more: object = {}) => ({ adapter, weight: 0.8, start: 0, stop: 1, colour, ...more });
const gallery = (page: Page) => page.getByRole("region", { name: "Pictures", exact: true });
const pictures = async (weft: Weft, query = ""): Promise<{ id: number; prompt: string; seed: number; generation: number }[]> =>
  (await weft.api(`/api/v1/pictures?limit=200${query}`)).items;

test("without a checkpoint the page teaches what is needed", async ({ page, startWeft, checkA11y, expectErrors }) => {
  // The program of this test ends before its page: the stream breaks off.
  expectErrors.push(/\/api\/v1\/events/);
  const weft = await startWeft();
  await page.goto(`${weft.url}/studio`);
  await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
  const taught = page.getByText("A checkpoint paints; adapters change it");
  // A first start may bring a checkpoint of its own; then there is nothing to teach.
  if ((await weft.api("/api/v1/checkpoints")).total === 0) {
    await expect(taught).toBeVisible();
    await checkA11y();
  }
});

test("one keypress paints; the picture opens, and everything of it is taken over again", async ({ page, open, weft }) => {
  const painter = await withPainter(weft);
  await studio(page, open, painter, { prompt: "a (red:1.3) fox" });
  await expect(page.locator("#studio-prompt-count")).toContainText(/\d+ of 75 tokens/);
  await page.keyboard.press("Control+Enter");
  const easel = page.getByRole("region", { name: "Picture", exact: true });
  const done = easel.getByRole("link");
  await expect(done).toBeVisible({ timeout: 30_000 });
  await expect(gallery(page).getByRole("listitem").first()).toBeVisible();
  await done.click();
  const viewer = page.getByRole("dialog", { name: "Picture" });
  await expect(viewer).toContainText("a (red:1.3) fox");
  await expect(viewer).toContainText("64 × 64");
  await expect(page).toHaveURL(/picture=\d+/);
  // Kept with all that made it.
  const [card] = await pictures(weft);
  await expect(viewer).toContainText(String(card.seed));
  await viewer.getByText("Reuse", { exact: true }).click();
  await viewer.getByRole("button", { name: "Seed", exact: true }).click();
  await expect(viewer).toBeHidden();
  await expect(page.getByRole("textbox", { name: "Seed" })).toHaveValue(String(card.seed));
  // The same request gives the same picture.
  await page.keyboard.press("Control+Enter");
  await expect.poll(async () => (await pictures(weft)).filter((p) => p.seed === card.seed).length, { timeout: 30_000 }).toBe(2);
  const [a, b] = (await pictures(weft)).filter((p) => p.seed === card.seed);
  const bytes = async (id: number) => Buffer.from(await (await fetch(`${weft.url}/api/v1/pictures/${id}/thumbnail?width=160`)).arrayBuffer()).toString("base64");
  expect(await bytes(a.id)).toBe(await bytes(b.id));
});

test("Back closes the viewer; favourite, rating, delete and undo", async ({ page, open, weft }) => {
  const painter = await withPainter(weft);
  await studio(page, open, painter);
  await page.getByRole("button", { name: "Paint", exact: true }).click();
  await expect(page.getByRole("region", { name: "Picture", exact: true }).getByRole("link")).toBeVisible({ timeout: 30_000 });
  const before = (await pictures(weft)).length;
  const [{ id }] = await pictures(weft);
  await page.getByRole("region", { name: "Picture", exact: true }).getByRole("link").click();
  const viewer = page.getByRole("dialog", { name: "Picture" });
  await expect(viewer.getByRole("button", { name: "Favourite (F)" })).toBeVisible();
  await page.keyboard.press("f");
  await page.keyboard.press("4");
  await expect.poll(async () => {
    const { favourite, rating } = (await weft.api(`/api/v1/pictures/${id}`)).card;
    return { favourite, rating };
  }).toEqual({ favourite: true, rating: 4 });
  await page.goBack();
  await expect(viewer).toBeHidden();
  await expect(page).toHaveURL((url) => url.pathname === "/studio" && !url.searchParams.has("picture"));
  await page.getByRole("region", { name: "Picture", exact: true }).getByRole("link").click();
  await expect(viewer.getByRole("button", { name: "Delete (Del)" })).toBeVisible();
  await page.keyboard.press("Delete");
  await expect.poll(async () => (await pictures(weft)).length).toBe(before - 1);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(async () => (await pictures(weft)).length).toBe(before);
});

test("two adapters, one with a profile, change the picture; what they did is shown side by side", async ({ page, open, weft }) => {
  const painter = await withPainter(weft);
  await studio(page, open, painter, { seed: 11, locked: true });
  const adapters = page.getByRole("region", { name: "Adapters" });
  await adapters.getByRole("button", { name: "Add" }).click();
  const choose = page.getByRole("dialog", { name: "Choose adapters" });
  await choose.getByRole("searchbox").fill("attention");
  await choose.getByRole("button", { name: /attention/ }).click();
  await choose.getByRole("searchbox").fill("convolutions");
  await choose.getByRole("button", { name: /convolutions/ }).click();
  await choose.getByRole("button", { name: "Done" }).click();
  await expect(adapters.getByRole("listitem")).toHaveCount(2);
  await adapters.getByRole("button", { name: /Blocks, text encoder/ }).first().click();
  await adapters.getByRole("combobox", { name: /Profile of/ }).selectOption("MIDD");
  await page.keyboard.press("Control+Enter");
  await expect(page.getByRole("region", { name: "Picture", exact: true }).getByRole("link")).toBeVisible({ timeout: 30_000 });
  const [{ id }] = await pictures(weft);
  const { recipe } = await weft.api(`/api/v1/pictures/${id}`);
  expect(recipe.adapters.map((a: { weight: number }) => a.weight)).toEqual([1, 1]);
  expect(recipe.adapters[0].profile.name).toBe("MIDD");
  await page.getByRole("region", { name: "Picture", exact: true }).getByRole("link").click();
  const viewer = page.getByRole("dialog", { name: "Picture" });
  await viewer.getByRole("button", { name: "What did the adapters do?" }).click();
  await expect(viewer.getByRole("slider", { name: "Where the second picture begins" })).toBeVisible({ timeout: 30_000 });
  const [bare] = await pictures(weft);
  const without = (await weft.api(`/api/v1/pictures/${bare.id}`));
  expect([without.recipe.adapters ?? [], without.recipe.seed, without.parent.id]).toEqual([[], 11, id]);
});

test("strands are reordered by keyboard, taken out and brought back; a reload keeps the form", async ({ page, open, weft }) => {
  const painter = await withPainter(weft);
  await studio(page, open, painter, { strands: painter.adapters.map((id, n) => strand(id, n)) });
  const adapters = page.getByRole("region", { name: "Adapters" });
  const names = () => adapters.locator(".strand-name").allTextContents();
  await expect.poll(async () => (await names()).length).toBe(2);
  await expect.poll(async () => (await names()).join()).not.toContain("Adapter ");
  const [first, second] = await names();
  await adapters.getByRole("button", { name: "Switch off for the moment" }).first().focus();
  await page.keyboard.press("Alt+ArrowDown");
  await expect.poll(names).toEqual([second, first]);
  await adapters.getByRole("button", { name: "Remove" }).first().click();
  await expect.poll(names).toEqual([first]);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(names).toEqual([second, first]);
  await page.getByRole("textbox", { name: "Prompt", exact: true }).fill("kept over a reload");
  await page.waitForTimeout(700);
  await page.reload();
  await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
  await expect(page.getByRole("textbox", { name: "Prompt", exact: true })).toHaveValue("kept over a reload");
  await expect.poll(names).toEqual([second, first]);
});

test("Ctrl-Up and Ctrl-Down change the weight of the selected words", async ({ page, open, weft }) => {
  await studio(page, open, await withPainter(weft), { prompt: "a red fox" });
  const prompt = page.getByRole("textbox", { name: "Prompt", exact: true });
  await prompt.evaluate((field: HTMLTextAreaElement) => field.setSelectionRange(2, 5));
  await prompt.focus();
  await page.keyboard.press("Control+ArrowUp");
  await page.keyboard.press("Control+ArrowUp");
  await expect(prompt).toHaveValue("a (red:1.2) fox");
  await expect(page.locator(".prompt-said")).toContainText("×1.20");
  await page.keyboard.press("Control+ArrowDown");
  await page.keyboard.press("Control+ArrowDown");
  await expect(prompt).toHaveValue("a red fox");
});

test("a sheet of weights by seeds fills, its cells open, its address brings it back", async ({ page, open, weft }) => {
  const painter = await withPainter(weft);
  await studio(page, open, painter, { strands: [strand(painter.adapters[0], 0)], seed: 3, locked: true });
  await page.getByRole("checkbox", { name: /Experiment sheet/ }).check();
  const editor = page.getByRole("region", { name: "Experiment sheet" });
  await editor.getByRole("textbox", { name: "Values" }).fill("0, 1, 2");
  await editor.getByRole("button", { name: "Add rows" }).click();
  await editor.getByRole("textbox", { name: "Seeds" }).fill("3, 4");
  await page.getByRole("button", { name: "Paint the sheet (6)" }).click();
  const sheet = page.getByRole("table");
  await expect(sheet.getByRole("button")).toHaveCount(6, { timeout: 45_000 });
  await expect(sheet.getByRole("columnheader")).toContainText([/./, /0/, /1/, /2/]);
  await expect(page).toHaveURL(/generation=\d+/);
  const id = new URL(page.url()).searchParams.get("generation");
  const png = await fetch(`${weft.url}/api/v1/generations/${id}/sheet.png`);
  expect([png.status, png.headers.get("content-type")]).toEqual([200, "image/png"]);
  await page.reload();
  await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
  await expect(sheet.getByRole("button")).toHaveCount(6);
  await sheet.getByRole("button").nth(4).click();
  await expect(page.getByRole("dialog", { name: "Picture" })).toContainText("Seed");
});

test("the queue is paused, put in another order, shortened, and goes on", async ({ page, open, weft }) => {
  const painter = await withPainter(weft);
  await studio(page, open, painter);
  await page.getByRole("button", { name: /^Queue/ }).click();
  const queue = page.getByRole("dialog", { name: "Queue" });
  await queue.getByRole("button", { name: "Pause" }).click();
  await expect(queue).toContainText("Paused");
  const ask = (prompt: string) =>
    fetch(`${weft.url}/api/v1/generations`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt, checkpoint: painter.checkpoint, steps: 2, width: 64, height: 64, seed: 1 }),
    });
  for (const prompt of ["first asked", "second asked", "third asked"]) expect((await ask(prompt)).ok).toBe(true);
  const rows = queue.getByRole("listitem");
  await expect(rows).toHaveCount(3);
  await rows.nth(2).getByRole("button", { name: "Earlier (Alt+Up)" }).click();
  await expect(rows.nth(1)).toContainText("third asked");
  await rows.nth(0).dragTo(rows.nth(2));
  await expect.poll(async () => (await rows.allTextContents()).map((t) => /(first|second|third)/.exec(t)?.[1])).not.toEqual(["first", "third", "second"]);
  await rows.filter({ hasText: "second asked" }).getByRole("button", { name: "Stop this one" }).click();
  await queue.getByRole("button", { name: "Go on" }).click();
  await expect.poll(async () => (await pictures(weft, "&text=third+asked")).length, { timeout: 30_000 }).toBe(1);
  await expect.poll(async () => (await pictures(weft, "&text=first+asked")).length, { timeout: 30_000 }).toBe(1);
  expect(await pictures(weft, "&text=second+asked")).toEqual([]);
});

test("a dropped picture comes in with its parameters; filters and search find it", async ({ page, open, weft }) => {
  const painter = await withPainter(weft);
  await studio(page, open, painter, { prompt: "dropped once" });
  await page.keyboard.press("Control+Enter");
  await expect(page.getByRole("region", { name: "Picture", exact: true }).getByRole("link")).toBeVisible({ timeout: 30_000 });
  const [{ id }] = await pictures(weft);
  const file = Buffer.from(await (await fetch(`${weft.url}/api/v1/pictures/${id}/file`)).arrayBuffer()).toString("base64");
  const before = (await pictures(weft)).length;
  await page.evaluate((file) => {
    const bytes = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "von drüben.png", { type: "image/png" }));
    for (const type of ["dragover", "drop"]) window.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
  }, file);
  const viewer = page.getByRole("dialog", { name: "Picture" });
  await expect(viewer).toContainText("dropped once");
  await page.keyboard.press("Escape");
  expect((await pictures(weft)).length).toBeGreaterThanOrEqual(before);
  await gallery(page).getByRole("searchbox").fill("dropped once");
  await expect(page).toHaveURL(/text=dropped/);
  await expect(gallery(page).getByRole("status").first()).toHaveText(/^[12]$/);
});

test("a weave is painted with in one click", async ({ page, open, weft }) => {
  const painter = await withPainter(weft);
  await open(`/weave?ids=${painter.adapters.join(",")}&w=0.5,-0.25&p=0_OUT03-05;`);
  await page.getByRole("link", { name: "Paint with this" }).click();
  const adapters = page.getByRole("region", { name: "Adapters" });
  await expect(adapters.getByRole("listitem")).toHaveCount(2);
  await expect(adapters.getByRole("spinbutton").first()).toHaveValue("0.50");
  await expect(adapters.getByRole("spinbutton").nth(1)).toHaveValue("-0.25");
  await expect(adapters.getByRole("button", { name: "Blocks, text encoder and steps (changed)" })).toHaveCount(1);
});

test("a preview is one press away on an adapter's page", async ({ page, open, weft }) => {
  const painter = await withPainter(weft);
  await open(`/adapters/${painter.adapters[0]}`);
  const made = page.getByRole("region", { name: "Pictures made with it" });
  const before = await made.getByRole("listitem").count();
  await made.getByRole("button", { name: "Generate preview" }).click();
  await expect.poll(() => made.getByRole("listitem").count(), { timeout: 45_000 }).toBeGreaterThan(before);
  await expect(made.getByRole("alert")).toHaveCount(0);
});

test("a part is painted anew under a mask", async ({ page, open, weft }) => {
  const painter = await withPainter(weft);
  await studio(page, open, painter);
  await page.keyboard.press("Control+Enter");
  await expect(page.getByRole("region", { name: "Picture", exact: true }).getByRole("link")).toBeVisible({ timeout: 30_000 });
  await page.getByRole("region", { name: "Picture", exact: true }).getByRole("link").click();
  const viewer = page.getByRole("dialog", { name: "Picture" });
  await viewer.getByRole("button", { name: "Paint a part anew" }).click();
  const canvas = viewer.getByRole("application");
  const box = (await canvas.boundingBox())!;
  await page.mouse.move(box.x + box.width / 3, box.y + box.height / 3);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 4 });
  await page.mouse.up();
  await viewer.getByRole("button", { name: "Use this mask" }).click();
  await expect(viewer).toBeHidden();
  await expect(page.getByText("Paint a part anew")).toBeVisible();
  const before = (await pictures(weft)).length;
  await page.keyboard.press("Control+Enter");
  await expect.poll(async () => (await pictures(weft)).length, { timeout: 30_000 }).toBe(before + 1);
  const [{ id }] = await pictures(weft);
  const { recipe, parent } = await weft.api(`/api/v1/pictures/${id}`);
  expect([recipe.inpainted, recipe.denoise, typeof parent.id]).toEqual([true, 0.75, "number"]);
});

test("a style is kept, chosen, painted with, named by the picture; another one is taken back", async ({ page, open, weft, expectErrors }) => {
  // The name that is there already.
  expectErrors.push(/\/fn\/styles\/keep/);
  await studio(page, open, await withPainter(weft), { prompt: "" });
  const menu = page.locator(".style-menu");
  const foot = page.getByText("Styles", { exact: true });
  await foot.click();
  await expect(menu).toContainText("No styles yet");
  await expect(menu).toContainText(join(weft.data, "styles.csv"));
  await page.keyboard.press("Escape");
  const prompt = page.getByRole("textbox", { name: "Prompt", exact: true });
  const negative = page.getByRole("textbox", { name: "Negative prompt" });
  await prompt.fill("ink of {prompt}, wash");
  await page.getByRole("button", { name: "Negative prompt" }).click();
  await expect(negative).toBeFocused();
  await negative.fill("photo, \"flat\"");
  const keep = async (name: string) => {
    await page.getByText(/^Styles/, { exact: true }).first().click();
    await menu.getByRole("textbox", { name: "Keep this prompt as a style" }).fill(name);
    await page.keyboard.press("Enter");
    await expect(menu.getByRole("list", { name: "Styles" }).getByRole("button", { name })).toBeVisible();
  };
  await keep("Ink");
  const row = menu.getByRole("button", { name: "Ink" });
  await row.hover();
  await expect(menu.getByRole("status")).toContainText("ink of {prompt}, wash");
  await expect(menu.getByRole("status")).toContainText("photo");
  await row.click();
  await expect(row).toHaveAttribute("aria-pressed", "true");
  await page.keyboard.press("Escape");
  // The same name again is refused, in words.
  await keep("Second");
  await menu.getByRole("textbox", { name: "Keep this prompt as a style" }).fill("Ink");
  await page.keyboard.press("Enter");
  await expect(menu.getByRole("alert")).toContainText("There is a style called Ink already");
  await page.keyboard.press("Escape");
  await page.locator(".toast", { hasText: "Second is kept" }).getByRole("button", { name: "Undo" }).click();
  await expect.poll(async () => await readFile(join(weft.data, "styles.csv"), "utf8")).not.toContain("Second");
  expect(await readFile(join(weft.data, "styles.csv"), "utf8")).toContain("\"ink of {prompt}, wash\",\"photo, \"\"flat\"\"\"");
  await prompt.fill("a fox");
  await negative.fill("dark");
  const chip = page.getByRole("list", { name: "Styles in use" }).getByRole("button", { name: "Take the style Ink away" });
  await chip.focus();
  await expect(page.getByRole("tooltip").filter({ hasText: "ink of {prompt}" })).toBeVisible();
  await page.keyboard.press("Control+Enter");
  await expect(page.getByRole("region", { name: "Picture", exact: true }).getByRole("link")).toBeVisible({ timeout: 30_000 });
  const [{ id }] = await pictures(weft);
  const { recipe } = await weft.api(`/api/v1/pictures/${id}`);
  expect([recipe.prompt, recipe.typed, recipe.typed_negative, recipe.styles]).toEqual(["ink of a fox, wash", "a fox", "dark", ["Ink"]]);
  expect(recipe.negative).toContain("photo");
  await page.getByRole("region", { name: "Picture", exact: true }).getByRole("link").click();
  const viewer = page.getByRole("dialog", { name: "Picture" });
  await expect(viewer.getByRole("heading", { name: "Styles" })).toBeVisible();
  // Taken over again, the style stands around what was typed: not twice.
  await viewer.getByText("Reuse", { exact: true }).click();
  await viewer.getByRole("button", { name: "Everything", exact: true }).click();
  await expect(prompt).toHaveValue("a fox");
  await expect(negative).toHaveValue("dark");
  await chip.click();
  await expect(chip).toBeHidden();
});

test("the gallery is filtered by any adapter that pictures were made with", async ({ page, open, weft }) => {
  await painted(weft);
  const painter = await withPainter(weft);
  await studio(page, open, painter, { strands: [] });
  const name = (await weft.api("/api/v1/library?limit=200")).items.find((card: { id: number }) => card.id === painter.adapters[0]).name;
  await gallery(page).getByText("Filter", { exact: true }).click();
  const chip = gallery(page).getByRole("group", { name: "With the adapter" }).getByRole("button", { name });
  await expect(chip).toBeVisible();
  const count = (await chip.locator("b").textContent())!;
  expect(Number(count)).toBeGreaterThan(0);
  await chip.click();
  await expect(page).toHaveURL(new RegExp(`adapter=${painter.adapters[0]}`));
  await expect(gallery(page).getByRole("status").first()).toHaveText(count);
  expect((await pictures(weft, `&adapter=${painter.adapters[0]}`)).length).toBe(Number(count));
});

test("the trash says what it holds, is emptied after a while, and not if that is taken back", async ({ page, open, weft }) => {
  const id = await painted(weft);
  await fetch(`${weft.url}/api/v1/pictures/${id}`, { method: "DELETE" });
  const inTrash = async () => (await pictures(weft, "&trash=true")).some((picture) => picture.id === id);
  await expect.poll(inTrash).toBe(true);
  await open("/studio?trash=true");
  const empty = gallery(page).getByRole("button", { name: "Empty the trash now" });
  await expect(gallery(page).locator(".trash-bar")).toContainText(/\d+ pictures? · [\d.]+ [kM]?B/);
  await empty.click();
  await page.locator(".toast", { hasText: "emptied" }).getByRole("button", { name: "Undo" }).click();
  await expect(page.locator(".toast", { hasText: "Everything stays" })).toBeVisible();
  await page.waitForTimeout(13_000);
  expect(await inTrash()).toBe(true);
  await empty.click();
  await expect(gallery(page).getByRole("button", { name: "Emptying in a moment" })).toBeDisabled();
  expect(await inTrash()).toBe(true);
  await expect(gallery(page)).toContainText("The trash is empty.", { timeout: 20_000 });
  expect((await fetch(`${weft.url}/api/v1/pictures/${id}/file`)).status).toBe(404);
});

test.describe("on a phone", () => {
  test.use({ size: "phone" });
  test("the negative prompt is one press away, and stays open while it holds text", async ({ page, open, weft }) => {
    await studio(page, open, await withPainter(weft));
    const disclose = page.getByRole("button", { name: "Negative prompt" });
    const negative = page.getByRole("textbox", { name: "Negative prompt" });
    await expect(disclose).toBeInViewport();
    await expect(negative).toBeHidden();
    await disclose.click();
    await negative.fill("dark");
    await page.getByRole("heading", { name: "Pictures" }).click();
    await expect(negative).not.toBeFocused();
    await expect(negative).toBeInViewport();
    await disclose.click();
    await expect(negative).toBeFocused();
    await negative.fill("");
    await disclose.click();
    await expect(negative).toBeHidden();
  });

  test("what comes with the focus does not push the menu away from the finger", async ({ page, open, weft }) => {
    const painter = await withPainter(weft);
    await studio(page, open, painter, { prompt: "a (red:1.3) fox", styles: ["Gone"], strands: painter.adapters.map((id, n) => strand(id, n)) });
    await page.getByText("Styles · 1").tap();
    await expect(page.getByRole("textbox", { name: "Keep this prompt as a style" })).toBeInViewport();
    await expect(page.locator(".style-chip")).toContainText("Gone");
  });
});

/** Some pictures in the gallery, one open in the viewer. */
/** Four pictures of one adapter at least; the newest of them. */
async function painted(weft: Weft): Promise<number> {
  const { checkpoint, adapters } = await withPainter(weft);
  const made = () => pictures(weft, `&adapter=${adapters[0]}`);
  if ((await made()).length < 4) {
    await fetch(`${weft.url}/api/v1/generations`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "a red fox in the snow", checkpoint, steps: 2, width: 64, height: 64, seed: 5, count: 4, adapters: [{ adapter: adapters[0], weight: 0.8 }] }),
    });
    await expect.poll(async () => (await made()).length, { timeout: 45_000 }).toBeGreaterThan(3);
  }
  return (await made())[0].id;
}

const settled = async (page: Page) => {
  await expect(page.locator("#studio-prompt-count")).toContainText("tokens");
};

axeWith("studio", async (weft) => (await painted(weft), "/studio"), async (page) => {
  await page.getByRole("textbox", { name: "Prompt", exact: true }).fill("a (red:1.3) fox in the [snow]");
  await settled(page);
});
axeWith("studio viewer", async (weft) => `/studio?picture=${await painted(weft)}`, async (page) => {
  await expect(page.getByRole("dialog", { name: "Picture" })).toContainText("Sampler");
});
axeWith("studio queue", async (weft) => (await painted(weft), "/studio?queue=open"), async (page) => {
  await expect(page.getByRole("dialog", { name: "Queue" })).toBeVisible();
});
axeWith("studio styles", async (weft) => {
  const lines = [["Ink wash", "{prompt}, ink wash, soft paper", "photo, sharp"], ["Evening", "golden hour, long shadows", ""], ["Woodcut", "woodcut of {prompt}, bold lines", "colour"]];
  await writeFile(join(weft.data, "styles.csv"), ["name,prompt,negative_prompt", ...lines.map((line) => line.map((field) => `"${field}"`).join(","))].join("\n"));
  return (await painted(weft), "/studio");
}, async (page) => {
  await page.getByText("Styles", { exact: true }).click();
  await page.getByRole("button", { name: "Evening" }).click();
  await page.getByRole("button", { name: "Ink wash" }).click();
  await expect(page.locator(".style-chip")).toHaveCount(2);
});
axeWith("studio trash", async (weft) => {
  await fetch(`${weft.url}/api/v1/pictures/${await painted(weft)}`, { method: "DELETE" });
  return "/studio?trash=true";
}, async (page) => {
  await gallery(page).getByText("Filter", { exact: true }).click();
  await expect(gallery(page).getByRole("group", { name: "With the adapter" })).toBeVisible();
});
