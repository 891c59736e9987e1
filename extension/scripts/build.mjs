/**
 * Builds spark_kernel/labextension, which is committed so that `pip install` needs no Node.
 *
 * Compiles src/ to lib/, lets JupyterLab's own builder bundle it, and writes `sources.json` beside the result: the
 * SHA-256 of every file that the result was made from. tests/unit/labextension compares it with what is there.
 *
 * With --check it ends with status 1 when the result is not, byte by byte, what was there before.
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

/** Every file below `folder`, as a path relative to it with forward slashes. */
function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).replaceAll('\\', '/'));
}

/** The files that the build reads, relative to extension/. */
function sources() {
  const folders = ['scripts', 'src', 'style'].flatMap(folder =>
    filesBelow(join(extension, folder)).map(file => `${folder}/${file}`)
  );
  return [...folders, 'package.json', 'package-lock.json', 'tsconfig.json', 'webpack.config.cjs'].sort();
}

/** A checkout may have changed line ends; the content is the same. */
function digest(file) {
  const text = readFileSync(file, 'utf8').replaceAll('\r\n', '\n');
  return createHash('sha256').update(text).digest('hex');
}

/** Make `output` anew. */
function build() {
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
  const digests = Object.fromEntries(sources().map(file => [file, digest(join(extension, file))]));
  writeFileSync(join(output, 'sources.json'), `${JSON.stringify(digests, null, 2)}\n`);
}

/** What is in `output`: each file and its digest. */
function outputs() {
  return filesBelow(output)
    .sort()
    .map(file => `${file} ${digest(join(output, file))}`);
}

const before = outputs();
build();
if (process.argv.includes('--check')) {
  const after = outputs();
  const differences = [
    ...before.filter(file => !after.includes(file)).map(file => `- ${file}`),
    ...after.filter(file => !before.includes(file)).map(file => `+ ${file}`)
  ];
  if (differences.length) {
    console.error(
      `The committed build output is stale; commit the one just made:\n${differences.join('\n')}`
    );
    process.exit(1);
  }
}
