import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = process.env.WEFT_PROGRAM ?? join(import.meta.dirname, "../target/debug/weft");
const START_MS = 30_000;
const STOP_MS = 10_000;

/** A running Weft with a data folder of its own. */
export class Weft {
  private child: ChildProcess | undefined;
  private log = "";

  private constructor(
    /** Temporary folder: `data` inside belongs to Weft, the rest to the test. */
    readonly folder: string,
    private readonly args: string[],
    /** Address without a slash at the end. */
    public url: string,
    /** Whether an empty library gets the samples of the first start. */
    private readonly samples: boolean,
  ) {}

  /** Starts the program on a free port with an empty data folder. */
  static async start(args: string[] = [], samples = false): Promise<Weft> {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run \`cargo xtask build\` first`);
    const weft = new Weft(await mkdtemp(join(tmpdir(), "weft-e2e-")), args, "", samples);
    await weft.launch("127.0.0.1:0");
    return weft;
  }

  /** Runs another command of the program on the same data folder, and returns what it printed. */
  async command(...args: string[]): Promise<string> {
    const child = spawn(PROGRAM, [...args, "--data-dir", this.data], { stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let errors = "";
    child.stdout.on("data", (part) => (out += part));
    child.stderr.on("data", (part) => (errors += part));
    const code = await new Promise<number | null>((done) => child.on("close", done));
    if (code !== 0) throw new Error(`weft ${args.join(" ")} ended with ${code}:\n${errors}`);
    return out;
  }

  /** What REST answers at this path. */
  async api(path: string): Promise<any> {
    const answer = await fetch(this.url + path);
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return answer.json();
  }

  get data(): string {
    return join(this.folder, "data");
  }

  /** The last lines that the program logged. */
  get lastLog(): string {
    return this.log.split("\n").slice(-40).join("\n");
  }

  /** Ends the program at once, as a power cut would. */
  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  /** Stops the program; its data stay. */
  async stop(): Promise<void> {
    await this.end("SIGTERM");
  }

  /** Starts it again on the same address and data, after `stop` or `kill`. */
  async startAgain(): Promise<void> {
    await this.launch(new URL(this.url).host);
  }

  /** Stops the program and removes the folder. */
  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async launch(listen: string): Promise<void> {
    const args = ["serve", "--listen", listen, "--data-dir", this.data, ...this.args];
    // A test says what its library holds; the samples of the first start have a test of their own.
    const env = { ...process.env, WEFT_SAMPLES: String(this.samples) };
    const child = spawn(PROGRAM, args, { stdio: ["ignore", "pipe", "pipe"], cwd: this.folder, env });
    this.child = child;
    child.stderr.on("data", (part) => (this.log += part));
    this.url = await new Promise<string>((ready, failed) => {
      const timer = setTimeout(() => failed(new Error(`Weft did not start in time:\n${this.lastLog}`)), START_MS);
      let said = "";
      child.stdout.on("data", (part) => {
        said += part;
        const address = /http:\/\/[\d.:]+\d/.exec(said);
        if (said.includes("\n") && address) {
          clearTimeout(timer);
          ready(address[0]);
        }
      });
      child.on("close", (code) => {
        clearTimeout(timer);
        failed(new Error(`Weft ended with ${code} instead of starting:\n${this.lastLog}`));
      });
    });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = new Promise((done) => child.on("close", done));
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await closed;
    clearTimeout(timer);
  }
}
