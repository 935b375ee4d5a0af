/** What several specs do. */
import type { Page } from "@playwright/test";

import { expect, test, type Theme, type Weft } from "./fixtures";

/** The running Weft with measured samples in its library; made once for each worker. */
export async function withSamples(weft: Weft): Promise<void> {
  if ((await weft.api("/api/v1/overview")).adapters === 0) {
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
  const { items } = await weft.api("/api/v1/library?kind=lora&family=flux1");
  return `${items[0].id},${items[1].id}`;
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
