/** What several specs do. */
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Page } from "@playwright/test";

import { expect, test, type Theme, type Weft } from "./fixtures";

/** The running Weft with measured samples in its library; made once for each worker. */
export async function withSamples(weft: Weft): Promise<void> {
  if ((await weft.api("/api/v1/overview")).adapters < 24) {
    await fetch(`${weft.url}/api/v1/samples`, { method: "POST" });
  }
  await expect
    .poll(async () => {
      const [overview, jobs] = await Promise.all([weft.api("/api/v1/overview"), weft.api("/api/v1/jobs")]);
      const busy = jobs.some((job: { state: string }) => job.state === "queued" || job.state === "running");
      return overview.adapters >= 24 && overview.unmeasured === 0 && !busy;
    }, { timeout: 45_000 })
    .toBe(true);
}

/** Two adapters that go together, as the address takes them. */
export async function pair(weft: Weft): Promise<string> {
  const { items } = await weft.api("/api/v1/library?kind=lora&family=flux1&text=sample");
  return `${items[0].id},${items[1].id}`;
}

const DIFFUSION = join(import.meta.dirname, "../crates/diffusion/golden");

/** A tiny checkpoint that paints (noise, but every part is real) and two adapters for it, once for each Weft. */
export async function withPainter(weft: Weft): Promise<{ checkpoint: number; adapters: number[] }> {
  const folder = join(weft.folder, "painter");
  const list = async (path: string): Promise<{ id: number; name: string; file_name: string }[]> => (await weft.api(path)).items;
  const ours = async () => ({
    checkpoint: (await list("/api/v1/checkpoints?limit=100")).find((card) => card.file_name === "tiny.safetensors"),
    adapters: (await list("/api/v1/library?limit=200")).filter((card) => /^(attention|convolutions)\.safetensors$/.test(card.file_name)),
  });
  if (!(await ours()).checkpoint) {
    await mkdir(join(folder, "tokenizer"), { recursive: true });
    await copyFile(join(DIFFUSION, "sd1/model.safetensors"), join(folder, "tiny.safetensors"));
    const parts: Record<string, unknown> = {};
    for (const part of ["unet", "vae", "text_encoder", "scheduler"]) {
      const file = part === "scheduler" ? "scheduler_config.json" : "config.json";
      parts[part] = JSON.parse(await readFile(join(DIFFUSION, "sd1/diffusers", part, file), "utf8"));
    }
    await writeFile(join(folder, "tiny.config.json"), JSON.stringify(parts));
    // As many tokens as the tiny text encoder knows: bytes, the same at the end of a word, sixty merges, start and end.
    const merges = (await readFile(join(DIFFUSION, "tokenizers/clip_merges.txt"), "utf8")).split("\n").filter((line) => !line.startsWith("#"));
    await writeFile(join(folder, "tokenizer/merges.txt"), merges.slice(0, 60).join("\n"));
    for (const name of ["attention", "convolutions"]) {
      await copyFile(join(DIFFUSION, `sd1/adapters/${name}.safetensors`), join(folder, `${name}.safetensors`));
    }
    const headers = { "content-type": "application/json" };
    await fetch(`${weft.url}/api/v1/roots`, { method: "POST", headers, body: JSON.stringify({ path: folder }) });
  }
  await expect.poll(async () => {
    const [{ checkpoint, adapters }, jobs] = await Promise.all([ours(), weft.api("/api/v1/jobs")]);
    const busy = jobs.some((job: { state: string }) => job.state === "queued" || job.state === "running");
    return !!checkpoint && adapters.length === 2 && !busy;
  }, { timeout: 45_000 }).toBe(true);
  const { checkpoint, adapters } = await ours();
  return { checkpoint: checkpoint!.id, adapters: adapters.map((card) => card.id) };
}

/** axe over a page in both themes and both widths. With WEFT_SHOTS set to a folder, a picture of each as well. */
export function axeEverywhere(name: string, path: string | ((weft: Weft) => Promise<string>)): void {
  axeWith(name, path, async () => {});
}

/** The same after something was done on the page; then the picture is of all of it. */
export function axeWith(name: string, path: string | ((weft: Weft) => Promise<string>), act: (page: Page) => Promise<void>): void {
  for (const theme of ["dark", "light"] satisfies Theme[]) {
    for (const size of ["desktop", "phone"] as const) {
      test.describe(`${name}, ${theme}, ${size}`, () => {
        test.use({ theme, size });
        test("axe finds nothing", async ({ page, open, weft, checkA11y }) => {
          await withSamples(weft);
          await open(typeof path === "string" ? path : await path(weft));
          await page.waitForLoadState("networkidle").catch(() => {});
          await act(page);
          await expect(page.locator("[aria-busy=true]")).toHaveCount(0);
          if (process.env.WEFT_SHOTS) {
            await page.waitForTimeout(1_200);
            const width = size === "desktop" ? 1440 : 390;
            await page.screenshot({ path: `${process.env.WEFT_SHOTS}/${name.replace(/ /g, "-")}-${theme}-${width}.png`, fullPage: !!process.env.WEFT_SHOTS_FULL });
          }
          await checkA11y();
        });
      });
    }
  }
}
