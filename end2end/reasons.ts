import type { FullResult, Reporter, TestCase, TestResult } from "@playwright/test/reporter";

const LINES = 12;

/** Says once more at the very end why each failed test failed: of a long log, often only the end is kept. */
export default class Reasons implements Reporter {
  private readonly failed: string[] = [];

  onTestEnd(test: TestCase, result: TestResult): void {
    if (result.status === test.expectedStatus || result.status === "skipped") return;
    const reasons = result.errors.map((error) => plain(error.stack ?? error.message ?? error.value ?? "").split("\n").slice(0, LINES).join("\n"));
    this.failed.push(`${test.titlePath().filter(Boolean).join(" › ")}\n${reasons.join("\n")}`);
  }

  onEnd(_: FullResult): void {
    if (this.failed.length) console.log(`\nWhy:\n\n${this.failed.join("\n\n")}`);
  }

  printsToStdio(): boolean {
    return false;
  }
}

/** Without the colours of a terminal. */
function plain(text: string): string {
  return text.replace(/\u001b\[[\d;]*m/g, "");
}
