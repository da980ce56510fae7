// A real gate with its console, a backend behind it, and the command line beside it. Everything is on loopback.

import { spawn, execFile } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

const BINARY = process.env.PORTCULLIS_BIN ?? new URL("../../target/debug/portcullis", import.meta.url).pathname;
const START_MS = 60_000;

/** A port that is free now. The gate starts again with others if somebody takes one meanwhile. */
export async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(() => resolve(undefined)));
  return port;
}

/** Waits until something holds. */
export async function until(question, what, milliseconds = 20_000) {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    if (performance.now() > deadline) throw new Error(`timed out while waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs a program with text on its standard input. */
export function run(program, args, { input = "", ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { ...options, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${path.basename(program)} ${args[0]} ${args[1] ?? ""} failed: ${stderr || error.message}`));
      else resolve(stdout);
    });
    child.stdin?.end(input);
  });
}

/** Sends one request, and returns the status, the headers and the body. */
export function request(url, { method = "GET", headers = {}, body = "" } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(url, { method, headers }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString() }));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

export class Gate {
  /** Starts a backend, creates a store and starts the gate. `store` is the URL of a database in place of SQLite. */
  static async start(store = "") {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} does not exist: build it, or name it with PORTCULLIS_BIN`);
    const gate = new Gate();
    gate.store = store;
    gate.parent = await mkdtemp(path.join(tmpdir(), "console-"));
    gate.folder = path.join(gate.parent, "gate");
    gate.backendAnswer = 202;
    gate.backend = http.createServer((incoming, response) => {
      incoming.resume();
      incoming.on("end", () => {
        response.writeHead(gate.backendAnswer, { "Content-Type": "application/json" });
        response.end(JSON.stringify({ executionId: randomUUID() }));
      });
    });
    await new Promise((resolve) => gate.backend.listen(0, "127.0.0.1", () => resolve(undefined)));
    const { port } = /** @type {import("node:net").AddressInfo} */ (gate.backend.address());
    await run(BINARY, ["init", gate.folder, "--backend", `127.0.0.1:${port}`]);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await gate.serve();
        return gate;
      } catch (error) {
        gate.process?.kill("SIGKILL");
        if (attempt === 3) throw error;
      }
    }
  }

  async serve() {
    const [portal, admin, console] = await Promise.all([freePort(), freePort(), freePort()]);
    this.portal = `http://127.0.0.1:${portal}`;
    this.url = `http://127.0.0.1:${console}`;
    this.config = path.join(this.folder, "portcullis.toml");
    await writeFile(this.config, this.configuration(portal, admin, console));
    this.log = "";
    this.process = spawn(BINARY, ["-c", this.config, "serve"], { cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        this.log = (this.log + text).slice(-4_000_000);
      });
    }
    await until(async () => {
      if (this.process.exitCode !== null) throw new Error(`the gate ended at its start:\n${this.log}`);
      try {
        return (await request(`${this.url}/sign-in`)).status === 200;
      } catch {
        return false;
      }
    }, "the console answers", START_MS);
  }

  /** The configuration with these ports. */
  configuration(portal, admin, console) {
    const { port } = /** @type {import("node:net").AddressInfo} */ (this.backend.address());
    return `[public]
http = "127.0.0.1:${portal}"
url = "${this.portal}"
[admin]
listen = "127.0.0.1:${admin}"
[console]
listen = "127.0.0.1:${console}"
url = "${this.url}"
[auth]
allow_unauthenticated = true
${this.store === "" ? "" : `[store]\nurl = "${this.store}"`}
[upstreams.default]
addresses = ["127.0.0.1:${port}"]
`;
  }

  /** Runs a command of the command line. */
  cli(args, input = "") {
    return run(BINARY, ["-c", this.config, ...args], { input, cwd: this.folder });
  }

  /** Prints a link that signs in once. */
  async login(roles = ["admin", "revealer"], subject = "eve@acme.example") {
    const args = ["console", "login", "--subject", subject, ...roles.flatMap((role) => ["--role", role])];
    return (await this.cli(args)).trim();
  }

  async create(id, ...options) {
    const owner = options.includes("--organisation") ? [] : ["--organisation", "acme"];
    const place = options.includes("--workspace") ? [] : ["--workspace", "main"];
    await this.cli(["endpoint", "create", id, ...owner, ...place, ...options]);
  }

  async secret(id) {
    return (await this.cli(["secret", "reveal", id])).trim();
  }

  /** Delivers to an endpoint of the workflow route, signed as GitHub signs. It waits until the endpoint is known. */
  async deliver(id, secret, { headers = {}, body = `{"n":"${randomUUID()}"}`, waits = true } = {}) {
    const signature = createHmac("sha256", secret).update(body).digest("hex");
    const send = () => request(`${this.portal}/webhooks/ai/${id}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Hub-Signature-256": `sha256=${signature}`, "X-GitHub-Event": "pull_request", "X-GitHub-Delivery": randomUUID(), ...headers },
      body,
    });
    if (!waits) return send();
    return until(async () => {
      const answer = await send();
      return answer.status === 404 ? null : answer;
    }, `the gate knows ${id}`);
  }

  async stop() {
    this.backend.close();
    if (this.process.exitCode === null) {
      const ended = new Promise((resolve) => this.process.once("exit", resolve));
      this.process.kill("SIGTERM");
      await ended;
    }
    await rm(this.parent, { recursive: true, force: true });
  }
}
