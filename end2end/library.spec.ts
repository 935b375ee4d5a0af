import type { Route } from "@playwright/test";

import { expect, hydrated, test } from "./fixtures";
import { axeEverywhere, withSamples } from "./support";

test("an empty library teaches its two ways in, and samples fill it without a reload", async ({ page, startWeft, expectErrors }) => {
  expectErrors.push(/422/);
  const weft = await startWeft();
  await page.goto(`${weft.url}/`);
  await hydrated(page);
  await page.getByRole("main").getByRole("button", { name: "Add a folder" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox").first().fill("/no/such/folder");
  await dialog.getByRole("button", { name: /^Add/ }).click();
  await expect(dialog).toContainText(/no folder|not there|does not exist|no such/i);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Try it with samples" }).click();
  await expect(page.locator(".card-link")).toHaveCount(32, { timeout: 30_000 });
  // This Weft ends with the test; a page that is still open would rightly complain.
  await page.goto("about:blank");
});

test("search narrows as one types, lives in the address, and clears", async ({ page, open, weft }) => {
  await withSamples(weft);
  await open("/");
  const first = (await page.locator(".card-link").first().textContent())!.trim();
  await page.keyboard.press("/");
  await page.keyboard.type(first.split(" ")[0]);
  await expect(page.locator(".card-link").filter({ hasText: first })).toHaveCount(1);
  await expect(page).toHaveURL(/text=/);
  await page.reload();
  await expect(page.getByRole("searchbox", { name: "Search the library" })).toHaveValue(first.split(" ")[0]);
  await page.goto("/?text=zzzzqq");
  await expect(page.getByRole("main")).toContainText("Nothing fits");
});

test.describe("between the page and its stream", () => {
  // Else it could be the worker that asks for the stream.
  test.use({ serviceWorkers: "block" });

  test("what happens before the page listens is shown all the same", async ({ page, startWeft }) => {
    const weft = await startWeft();
    let listen = () => {};
    const happened = new Promise<void>((done) => (listen = done));
    await page.route(/\/api\/v1\/events/, async (route) => {
      await happened;
      await route.continue();
    });
    await page.goto(weft.url);
    await hydrated(page);
    await withSamples(weft);
    await expect(page.locator(".card-link")).toHaveCount(0);
    listen();
    await expect(page.locator(".card-link")).toHaveCount(32);
    await expect(page.getByText("These are samples.")).toBeVisible();
    await page.goto("about:blank");
  });
});

test("what changes between an answer and its drawing is shown all the same", async ({ page, open, weft }) => {
  await withSamples(weft);
  const { items } = await weft.api("/api/v1/library?text=sample");
  const name = `Renamed meanwhile ${Date.now()}`;
  const rename = (to: string) =>
    fetch(`${weft.url}/api/v1/adapters/${items[0].id}`, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: to }),
    });
  // No list is open when the answer comes late: only what was heard in between can tell of the new name.
  const late = async (route: Route) => {
    const old = await route.fetch();
    const heard = page.waitForResponse(/\/fn\/library\/overview/);
    await rename(name);
    // The navigation counts anew after the same event.
    await heard;
    await route.fulfill({ response: old });
  };
  await open("/compare");
  await page.route(/\/fn\/library\/query/, late, { times: 1 });
  await page.getByRole("link", { name: "Library" }).first().click();
  await expect(page.getByRole("heading", { level: 1, name: "Library" })).toBeVisible();
  await expect(page.locator(".card-link").filter({ hasText: name })).toHaveCount(1);
  await rename("");
});

test("the keyboard selects two and weaves them", async ({ page, open, weft }) => {
  await withSamples(weft);
  // Other specs of the same Weft may have made adapters of their own.
  await open("/?family=flux1&kind=lora&text=sample");
  await page.locator(".card-link").first().focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Space");
  await page.getByRole("link", { name: "Weave 2" }).click();
  await expect(page).toHaveURL(/\/weave\?ids=/);
  await expect(page.getByRole("region", { name: "Strands" })).toContainText("They fit");
});

test("an adapter's name, tags and notes are edited in place and survive a reload", async ({ page, open, weft }) => {
  await withSamples(weft);
  const id = (await weft.api("/api/v1/library?family=sd1")).items[0].id;
  await open(`/adapters/${id}`);
  await page.getByRole("button", { name: "Edit the name (E)" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("<b>Ink</b> \u202e & paper");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("<b>Ink</b>");
  await page.getByLabel("Add a tag").fill("brush");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Remove tag brush" })).toBeVisible();
  await page.getByRole("textbox", { name: "Notes" }).fill("</textarea><script>window.hacked = 1</script>");
  await page.getByRole("heading", { level: 1 }).click();
  await expect.poll(async () => (await weft.api(`/api/v1/adapters/${id}`)).notes).toContain("hacked");
  await page.reload();
  await expect(page.getByRole("textbox", { name: "Notes" })).toHaveValue(/hacked/);
  expect(await page.evaluate(() => "hacked" in window)).toBe(false);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("<b>Ink</b>");
});

test("the adapter page draws the strengths on a map of the network", async ({ page, open, weft }) => {
  await withSamples(weft);
  for (const family of ["flux1", "sdxl"]) {
    await open(`/adapters/${(await weft.api(`/api/v1/library?kind=lora&family=${family}`)).items[0].id}`);
    const blocks = page.getByRole("region", { name: "Strength by block" });
    await blocks.getByRole("tab", { name: "Map" }).click();
    const map = blocks.getByRole("slider", { name: "Strength on a map of the network" });
    await expect(map).toBeVisible();
    await map.focus();
    await page.keyboard.press("ArrowRight");
    await expect(map).toHaveAttribute("aria-valuetext", /Frobenius|absent/);
    if (process.env.WEFT_SHOTS) await page.screenshot({ path: `${process.env.WEFT_SHOTS}/adapter-map-${family}.png` });
  }
});

test("the command palette opens pages", async ({ page, open, weft }) => {
  await withSamples(weft);
  await open("/");
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog").getByRole("combobox").fill("weave");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/weave/);
});

test("an unknown address says so and leads back", async ({ page, weft, expectErrors }) => {
  expectErrors.push(/404/);
  const answer = await page.goto(`${weft.url}/no/such/page`);
  expect(answer!.status()).toBe(404);
  await expect(page.getByRole("main")).toContainText("There is nothing at this address");
  await page.getByRole("link", { name: "To the library", exact: true }).click();
  await expect(page).toHaveURL(/\/$/);
});

test("many adapter pages at once all come, each with its title", async ({ weft }) => {
  await withSamples(weft);
  const { items } = await weft.api("/api/v1/library?limit=24");
  const cards: { id: number; name: string }[] = [...items, ...items, ...items, ...items];
  const answers = await Promise.all(cards.map(async ({ id, name }) => ({ name, answer: await fetch(`${weft.url}/adapters/${id}`) })));
  for (const { name, answer } of answers) {
    expect(answer.status).toBe(200);
    if (!/[<>&"']/.test(name)) expect(await answer.text()).toContain(`<title>${name} · Weft</title>`);
  }
});

test("pages can be read without JavaScript", async ({ browser, weft }) => {
  await withSamples(weft);
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${weft.url}/`);
  await expect(page.locator(".card-link").first()).toBeVisible();
  await context.close();
});

axeEverywhere("library", "/");
axeEverywhere("adapter", async (weft) => `/adapters/${(await weft.api("/api/v1/library?family=flux1")).items[0].id}`);
