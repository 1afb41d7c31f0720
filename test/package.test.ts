/** The package as a user gets it: what it contains, and that it does without what is optional. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { version } from '../src/version.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'dlakit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A module hook under which the optional packages cannot be imported, as where they are not installed. */
const withoutOptional = join(folder, 'without-optional.mjs');
writeFileSync(
  withoutOptional,
  `import { register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(\`
export async function resolve(specifier, context, next) {
  if (/^(onnxruntime-|sharp)/.test(specifier)) {
    throw Object.assign(new Error('Cannot find package ' + specifier), { code: 'ERR_MODULE_NOT_FOUND' });
  }
  return next(specifier, context);
}\`));
`,
);

const dla = (...args: readonly string[]) =>
  spawnSync(process.execPath, ['--import', withoutOptional, join(root, 'dist/cli/dla.js'), ...args], {
    encoding: 'utf8',
    cwd: root,
  });

describe('the package', () => {
  it('has the version of package.json', () => {
    expect(version).toBe((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version);
  });

  it('makes npm warn of nothing', () => {
    const result = spawnSync('npm', ['pkg', 'get', 'name'], {
      encoding: 'utf8',
      cwd: root,
      shell: process.platform === 'win32',
    });
    expect(result).toMatchObject({ status: 0, stdout: '"dlakit"\n', stderr: '' });
  });

  it('was built', () => {
    expect(existsSync(join(root, 'dist/index.js'))).toBe(true);
  });
});

describe('without onnxruntime and sharp', () => {
  const model = 'models/fashion-resnet20.onnx';
  const loadable = join(folder, 'net.dla');

  it('checks, compiles, estimates, reports, inspects and runs', () => {
    expect(dla('check', model, '--allow-gpu-fallback')).toMatchObject({ status: 0, stderr: '' });
    expect(dla('compile', model, '--output', loadable)).toMatchObject({ status: 0 });
    expect(dla('estimate', loadable, '--layers').stdout).toContain('images/s');
    expect(dla('report', model, '--output', join(folder, 'report'))).toMatchObject({ status: 0 });
    expect(dla('inspect', loadable).stdout).toContain('segment kind=dla');
    const run = dla('run', loadable, '--images', 'data/fashion-mnist-test-images.idx3.gz', '--compare');
    expect(run.stdout).toContain('tensors equal the scalar reference');
  });

  it('says what calibration needs', () => {
    const images = 'data/fashion-mnist-calibration-images.idx3.gz';
    const result = dla('calibrate', model, '--images', images, '--output', join(folder, 'net.cache'));
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/npm install onnxruntime-node.*\[run\/host-missing\]/);
    expect(existsSync(join(folder, 'net.cache'))).toBe(false);
  });
});
