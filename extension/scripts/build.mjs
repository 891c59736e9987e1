/**
 * Builds spark_kernel/labextension, which is committed so that `pip install` needs no Node.
 *
 * Compiles src/ to lib/, lets JupyterLab's own builder bundle it, and writes `sources.json` beside the result: the
 * SHA-256 of every file that the result was made from. tests/unit/labextension compares it with what is there.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const extension = dirname(dirname(fileURLToPath(import.meta.url)));
const output = join(extension, '..', 'spark_kernel', 'labextension');
const require = createRequire(import.meta.url);

/** Run a script of node_modules with this Node. */
function run(script, ...options) {
  execFileSync(process.execPath, [require.resolve(script), ...options], { cwd: extension, stdio: 'inherit' });
}

/** The files that the build reads, as paths relative to extension/ with forward slashes. */
function sources() {
  const folders = ['scripts', 'src', 'style'].flatMap(folder =>
    readdirSync(join(extension, folder), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => relative(extension, join(entry.parentPath ?? entry.path, entry.name)))
  );
  const files = [...folders, 'package.json', 'package-lock.json', 'tsconfig.json'];
  return files.map(file => file.replaceAll('\\', '/')).sort();
}

/** A checkout may have changed line ends; the content is the same. */
function digest(file) {
  const text = readFileSync(join(extension, file), 'utf8').replaceAll('\r\n', '\n');
  return createHash('sha256').update(text).digest('hex');
}

// The builder wants a folder whose package.json says which packages JupyterLab itself provides.
const core = mkdtempSync(join(tmpdir(), 'spark-kernel-build-'));
try {
  copyFileSync(require.resolve('@jupyterlab/core-meta/core.package.json'), join(core, 'package.json'));
  rmSync(join(extension, 'lib'), { recursive: true, force: true });
  run('typescript/bin/tsc');
  run('@jupyterlab/builder/lib/build-labextension.js', '--core-path', core, extension);
} finally {
  rmSync(core, { recursive: true, force: true });
}
const digests = Object.fromEntries(sources().map(file => [file, digest(file)]));
writeFileSync(join(output, 'sources.json'), `${JSON.stringify(digests, null, 2)}\n`);
