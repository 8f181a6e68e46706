// Reads every module below a folder as a browser would, and binds each import to what the other module exports; runs
// none of them. A line for each that cannot be. Usage: node --experimental-vm-modules link.mjs FOLDER

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { SourceTextModule } from "node:vm";

const root = resolve(process.argv[2]);
const known = new Map();
const troubles = new Map();

function read(path) {
  if (!known.has(path)) known.set(path, parsed(path));
  return known.get(path);
}

function parsed(path) {
  const input = readFileSync(path, "utf8");
  try {
    return new SourceTextModule(input, { identifier: path });
  } catch {
    const checked = spawnSync(process.execPath, ["--input-type=module", "--check", "-"], { input, encoding: "utf8" });
    throw new Error(`${relative(root, path)} is no module: ${checked.stderr.split("\n    at ")[0]}`); // says which line
  }
}

function imported(specifier, module) {
  if (!/^\.{1,2}\//.test(specifier)) throw new Error(`imports ${specifier}, which is no relative path`);
  const path = resolve(dirname(module.identifier), specifier);
  if (relative(root, path).startsWith("..") || !existsSync(path)) throw new Error(`imports ${specifier}, which is not there`);
  return read(path);
}

const modules = readdirSync(root, { recursive: true }).filter((name) => /\.m?js$/.test(name)).sort();
for (const name of modules) {
  try {
    const module = read(join(root, name));
    if (module.status === "unlinked") await module.link(imported);
  } catch (error) {
    troubles.set(name, error.message);
  }
}
for (const [name, trouble] of troubles) console.log(`${name}: ${trouble}`);
process.exitCode = troubles.size ? 1 : 0;
