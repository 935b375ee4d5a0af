/** Checkpoints: the list, what fits, baking a weave into a copy, extracting an adapter, measures. */
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";

import type { Page } from "@playwright/test";

import { expect, test, type Weft } from "./fixtures";
import { axeWith, withSamples } from "./support";

const GOLDEN = join(import.meta.dirname, "../crates/weights/golden/checkpoints");
const FILES = [
  ["flux.original.safetensors", "tiny-flux.safetensors"],
  ["wan.original.safetensors", "tiny-wan.safetensors"],
  ["flux.adapter.safetensors", "ink.safetensors"],
];

type Card = { id: number; name: string; file_name: string };

/** Miniature models and an adapter that fits one of them, once for each Weft. */
async function withModels(weft: Weft): Promise<{ ink: Card; flux: Card; wan: Card }> {
  await withSamples(weft);
  const folder = join(weft.folder, "models");
  const found = async (list: string, file: string): Promise<Card | undefined> =>
    (await weft.api(`${list}?limit=100`)).items.find((card: Card) => card.file_name === file);
  if (!(await found("/api/v1/checkpoints", "tiny-flux.safetensors"))) {
    await mkdir(folder, { recursive: true });
    for (const [from, to] of FILES) await copyFile(join(GOLDEN, from), join(folder, to));
    const headers = { "content-type": "application/json" };
    await fetch(`${weft.url}/api/v1/roots`, { method: "POST", headers, body: JSON.stringify({ path: folder }) });
  }
  await expect.poll(async () => {
    const jobs = await weft.api("/api/v1/jobs");
    const busy = jobs.some((job: { state: string }) => job.state === "queued" || job.state === "running");
    return !busy && !!(await found("/api/v1/library", "ink.safetensors"));
  }, { timeout: 45_000 }).toBe(true);
  const [ink, flux, wan] = await Promise.all([
    found("/api/v1/library", "ink.safetensors"),
    found("/api/v1/checkpoints", "tiny-flux.safetensors"),
    found("/api/v1/checkpoints", "tiny-wan.safetensors"),
  ]);
  return { ink: ink!, flux: flux!, wan: wan! };
}

test("checkpoints are listed, searched and told", async ({ page, open, weft }) => {
  const { flux } = await withModels(weft);
  await open("/checkpoints");
  const rows = page.locator(".ckpt");
  await expect(rows).toHaveCount(3);
  await page.getByRole("searchbox", { name: "Search checkpoints" }).fill("flux");
  await expect(page).toHaveURL(/text=flux/);
  await expect(rows).toHaveCount(1);
  await rows.first().locator("summary").click();
  await expect(rows.first()).toContainText("How the model is known");
  await open(`/checkpoints?id=${flux.id}`);
  await expect(page.locator(".ckpt[open]")).toContainText("tiny-flux");
});

test("an adapter's page says which checkpoints it fits", async ({ page, open, weft }) => {
  const { ink } = await withModels(weft);
  await open(`/adapters/${ink.id}`);
  const fits = page.getByRole("region", { name: "Checkpoints" });
  await expect(fits.locator(".fit-row").first()).toContainText("Fits");
  await expect(fits.locator(".fit-row").nth(1)).toContainText("Another model");
  await fits.getByRole("link").first().click();
  await expect(page).toHaveURL(/\/checkpoints\?id=/);
});

test("more measures are asked for when one is chosen", async ({ page, open, weft }) => {
  await withSamples(weft);
  const { items } = await weft.api("/api/v1/library?kind=lora&family=sdxl");
  await open(`/adapters/${items[0].id}`);
  const blocks = page.getByRole("region", { name: "Strength by block" });
  await blocks.getByRole("combobox", { name: "Measure" }).selectOption("stable_rank");
  await expect(blocks).toContainText("Of the whole:", { timeout: 30_000 });
  const chart = blocks.getByRole("slider", { name: "Strength by block" });
  await chart.focus();
  await page.keyboard.press("End");
  for (let step = 0; step < 20 && !/Stable rank/.test((await chart.getAttribute("aria-valuetext")) ?? ""); step++) await page.keyboard.press("ArrowLeft");
  await expect(chart).toHaveAttribute("aria-valuetext", /Stable rank \d/);
  await blocks.getByRole("tab", { name: "Table" }).click();
  await expect(blocks.getByRole("columnheader", { name: "Rank for 99 %" })).toBeVisible();
});

test("a change is held against the checkpoint's own weights", async ({ page, open, weft }) => {
  const { ink } = await withModels(weft);
  await open(`/adapters/${ink.id}`);
  const blocks = page.getByRole("region", { name: "Strength by block" });
  await blocks.getByRole("combobox", { name: "Measure" }).selectOption("relative");
  await expect(blocks.getByRole("combobox", { name: "Beside" })).toContainText("tiny-flux");
  await expect(blocks).toContainText(/Of the whole: \d+\.\d+ %/, { timeout: 30_000 });
  await blocks.getByRole("tab", { name: "Table" }).click();
  await expect(blocks.getByRole("columnheader", { name: "Beside a checkpoint" })).toBeVisible();
});

test("a weave is baked into a copy of a checkpoint", async ({ page, open, weft }) => {
  const { ink, flux } = await withModels(weft);
  await open(`/weave?ids=${ink.id}&into=${flux.id}`);
  const result = page.getByRole("complementary", { name: "Result" });
  await expect(result.getByRole("combobox", { name: "Checkpoint" })).toHaveValue(String(flux.id));
  await expect(result.locator(".bake-fits")).toContainText("Fits");
  await result.getByRole("textbox", { name: "Name of the new file" }).fill("Baked in a test");
  await result.getByRole("button", { name: "Bake into a copy" }).click();
  const made = result.getByRole("link", { name: "Open checkpoint" });
  await expect(made).toBeVisible({ timeout: 30_000 });
  await expect(result).toContainText("applied");
  await made.click();
  await expect(page.locator(".ckpt[open]")).toContainText("Baked in a test");
});

test("an adapter is extracted from the difference of two", async ({ page, open, weft }) => {
  const { ink, flux } = await withModels(weft);
  const folder = (await weft.api("/api/v1/roots")).find((root: { path: string }) => root.path.endsWith("models"));
  const body = { operation: "bake", checkpoint: flux.id, adapters: [{ id: ink.id, weight: 1 }], name: "Tuned", root: folder.id };
  await fetch(`${weft.url}/api/v1/operations`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  await expect.poll(async () => (await weft.api("/api/v1/checkpoints?q=tuned")).total, { timeout: 30_000 }).toBe(1);
  const tuned = (await weft.api("/api/v1/checkpoints?q=tuned")).items[0];
  await open(`/checkpoints?id=${tuned.id}`);
  const row = page.locator(".ckpt[open]");
  await row.getByRole("button", { name: "Extract an adapter" }).click();
  await row.getByRole("combobox", { name: "Tuned from" }).selectOption(String(flux.id));
  await row.getByRole("textbox", { name: "Name of the new file" }).fill("Extracted in a test");
  await row.getByRole("button", { name: "Extract the adapter" }).click();
  await row.getByRole("link", { name: "Open in library" }).click({ timeout: 30_000 });
  await expect(page).toHaveURL(/\/adapters\/\d+/);
});

test("without a checkpoint the page teaches", async ({ page, startWeft }) => {
  const weft = await startWeft();
  await page.goto(`${weft.url}/checkpoints`);
  await expect(page.getByRole("main")).toContainText("No checkpoint yet");
  await page.goto("about:blank");
});

axeWith("checkpoints", async (weft) => `/checkpoints?id=${(await withModels(weft)).flux.id}`, async (page: Page) => {
  await expect(page.locator(".ckpt[open]")).toContainText("How the model is known");
  await page.locator(".ckpt[open]").getByRole("button", { name: "Extract an adapter" }).click();
});
axeWith("bake", async (weft) => { const { ink, flux } = await withModels(weft); return `/weave?ids=${ink.id}&into=${flux.id}`; }, async (page: Page) => {
  await expect(page.locator(".bake-fits")).toContainText("Fits");
});
axeWith("adapter fits", async (weft) => `/adapters/${(await withModels(weft)).ink.id}`, async (page: Page) => {
  await expect(page.locator(".fit-row").first()).toBeVisible();
  await page.getByRole("region", { name: "Checkpoints" }).scrollIntoViewIfNeeded();
});
