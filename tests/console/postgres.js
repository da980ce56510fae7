// A PostgreSQL server of its own, behind a wire that can be cut: a store that goes away and comes back.

import { spawn } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

import { freePort, run, until } from "./gate.js";

/** PostgreSQL refuses to run as root. */
const NOBODY = { uid: 65534, gid: 65534 };

export class Postgres {
  static async start() {
    const store = new Postgres();
    store.folder = await mkdtemp(path.join(tmpdir(), "console-store-"));
    await chmod(store.folder, 0o755);
    const data = path.join(store.folder, "data");
    await mkdir(data);
    const identity = process.getuid?.() === 0 ? NOBODY : {};
    if (process.getuid?.() === 0) await chown(data, NOBODY.uid, NOBODY.gid);
    await run("initdb", ["--no-sync", "--username=portcullis", "--encoding=UTF8", "--locale=C", "--auth=trust", data], { cwd: data, ...identity });
    const port = await freePort();
    store.process = spawn("postgres", ["-D", data, "-k", data, "-c", "listen_addresses=127.0.0.1", "-c", `port=${port}`, "-c", "fsync=off"], { cwd: data, stdio: "ignore", ...identity });
    await until(() => run("psql", ["-h", "127.0.0.1", "-p", String(port), "-U", "portcullis", "-d", "postgres", "-c", "CREATE DATABASE gate"]).then(() => true, () => false), "PostgreSQL answers", 60_000);
    store.sockets = new Set();
    store.wire = net.createServer((socket) => {
      const upstream = net.connect(port, "127.0.0.1");
      for (const end of [socket, upstream]) {
        store.sockets.add(end);
        end.on("error", () => {});
        end.on("close", () => {
          store.sockets.delete(end);
          socket.destroy();
          upstream.destroy();
        });
      }
      if (store.isCut) socket.destroy();
      else socket.pipe(upstream).pipe(socket);
    });
    store.isCut = false;
    await new Promise((resolve) => store.wire.listen(0, "127.0.0.1", () => resolve(undefined)));
    const { port: wire } = /** @type {import("node:net").AddressInfo} */ (store.wire.address());
    store.url = `postgres://portcullis@127.0.0.1:${wire}/gate`;
    return store;
  }

  /** Cuts every connection, and refuses new ones. */
  cut() {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  mend() {
    this.isCut = false;
  }

  async stop() {
    this.cut();
    this.wire.close();
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGQUIT");
    await ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}
