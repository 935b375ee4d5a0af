/** The first start as a stranger has it: samples in the library, a prompt that works, one keypress to a picture. */
import { expect, hydrated, test } from "./fixtures";
import { Weft } from "./server";

const ADAPTERS = 8;

test("a first start has something to show, paints with one keypress, and its samples go when they are told to", async ({ page, checkA11y, expectErrors }) => {
  test.setTimeout(120_000);
  // The program of this test ends before its page: the stream breaks off. A card that goes while its picture is on the way gets none.
  expectErrors.push(/\/api\/v1\/events/, /\/api\/v1\/adapters\/\d+\/preview/);
  const weft = await Weft.start([], true);
  try {
    await page.goto(weft.url);
    await hydrated(page);
    await expect(page.locator(".card-link")).toHaveCount(ADAPTERS, { timeout: 60_000 });
    const strip = page.getByText("These are samples.");
    await expect(strip).toBeVisible();
    await checkA11y();

    // To the Studio: the checkpoint and a prompt are there.
    await page.getByRole("link", { name: "Paint with them" }).click();
    await expect(page.getByRole("textbox", { name: "Prompt", exact: true })).toHaveValue(/\w+ \w+/);
    await page.keyboard.press("Control+Enter");
    const easel = page.getByRole("region", { name: "Picture", exact: true });
    await expect(easel.getByRole("link")).toBeVisible({ timeout: 60_000 });
    const { items } = await weft.api("/api/v1/pictures");
    expect([items.length, items[0].width, items[0].height]).toEqual([1, 128, 128]);

    // Removed with undo, and they stay away after a restart.
    await page.goto(weft.url);
    await hydrated(page);
    await page.getByRole("button", { name: "Remove them" }).click();
    await expect(page.getByRole("heading", { name: "Your adapters, on one loom" })).toBeVisible();
    await page.getByRole("button", { name: "Undo" }).click();
    await expect(page.locator(".card-link")).toHaveCount(ADAPTERS, { timeout: 30_000 });
    await page.getByRole("button", { name: "Remove them" }).click();
    await expect(page.getByRole("heading", { name: "Your adapters, on one loom" })).toBeVisible();
    // Not with the page open: what it asks for in between would be refused.
    await page.goto("about:blank");
    await weft.stop();
    await weft.startAgain();
    await page.goto(weft.url);
    await hydrated(page);
    await expect(page.getByRole("heading", { name: "Your adapters, on one loom" })).toBeVisible();
    expect((await weft.api("/api/v1/roots")).length).toBe(0);
  } finally {
    await page.goto("about:blank").catch(() => undefined);
    await weft.dispose();
  }
});
