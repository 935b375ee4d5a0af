import { defineConfig } from "@playwright/test";

// Run by `cargo xtask test`, which sets WEFT_PROGRAM and WEFT_CHROMIUM. By hand, after `cargo xtask build`:
// `npx playwright test --config end2end/playwright.config.ts`.
export default defineConfig({
  testDir: ".",
  testMatch: "**/*.spec.ts",
  outputDir: "test-results",
  // Each worker has a Weft of its own; on two cores more workers would only wait for each other.
  workers: 2,
  fullyParallel: false,
  forbidOnly: !!process.env.CI,
  // A test that fails once is a finding, not bad luck.
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"], ["html", { outputFolder: "report", open: "never" }], ["./reasons.ts"]],
  use: {
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    timezoneId: "UTC",
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.WEFT_CHROMIUM ?? "/usr/bin/chromium",
      // Chromium's sandbox does not start as root, which CI machines often are.
      chromiumSandbox: process.getuid?.() !== 0,
    },
  },
});
