/** What build.mjs does before anything is installed, with an npm that only pretends. */
import { cpSync, mkdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Workspace } from './workspace.js';

describe('installing', () => {
  it('installs in a fresh folder, and not again while the lock file stays as it is', () => {
    using workspace = new Workspace();
    expect(workspace.build(['check'])).toMatchObject({
      status: 0,
      stdout: 'biome check --error-on-warnings\n',
    });
    expect(workspace.npmCalls).toHaveLength(1);
    expect(workspace.npmCalls[0]).toMatch(/^ci .*--include=dev/);
    expect(workspace.build(['check'])).toMatchObject({ status: 0, stderr: '' });
    expect(workspace.npmCalls).toHaveLength(1);
  });

  it('installs again when the lock file changed', () => {
    using workspace = new Workspace();
    workspace.build(['check']);
    workspace.write('package-lock.json', workspace.read('package-lock.json').replace('{', '{ '));
    workspace.write('node_modules/.package-lock.json', '{"packages":{"node_modules/acorn":{}}}');
    expect(workspace.build(['check']).status).toBe(0);
    expect(workspace.npmCalls).toHaveLength(2);
  });

  it('takes what someone installed by hand, when it is what the lock file says', () => {
    using workspace = new Workspace();
    workspace.build(['check']);
    cpSync(workspace.path('node_modules'), workspace.path('by-hand'), {
      recursive: true,
      filter: (source) => !source.endsWith('.mayexec-lock'),
    });
    using other = new Workspace();
    cpSync(workspace.path('by-hand'), other.path('node_modules'), { recursive: true });
    expect(other.build(['check']).status).toBe(0);
    expect(other.npmCalls).toHaveLength(0);
  });

  it('does not take an empty node_modules', () => {
    using workspace = new Workspace();
    mkdirSync(workspace.path('node_modules'));
    expect(workspace.build(['check']).status).toBe(0);
    expect(workspace.npmCalls).toHaveLength(1);
  });
});

describe('failing', () => {
  it('says that the network is needed when npm cannot reach its registry', () => {
    using workspace = new Workspace();
    const npmFails = 'npm error code EAI_AGAIN\nnpm error syscall getaddrinfo\n';
    const { status, stderr } = workspace.build(['check'], { NPM_FAILS: npmFails });
    expect(status).toBe(1);
    expect(stderr).toContain('the first start needs the network once\nnpm error code EAI_AGAIN\n');
    expect(stderr).not.toContain('    at ');
  });

  it('shows how npm failed otherwise, and tries again next time', () => {
    using workspace = new Workspace();
    const { status, stderr } = workspace.build(['check'], { NPM_FAILS: 'npm error code EUSAGE\n' });
    expect(status).toBe(1);
    expect(stderr).toContain('npm ci failed (status 1)\nnpm error code EUSAGE\n');
    expect(workspace.build(['check']).status).toBe(0);
    expect(workspace.npmCalls).toHaveLength(2);
  });

  it('says that there is no npm', () => {
    using workspace = new Workspace();
    const { status, stderr } = workspace.build(['check'], { npm_execpath: '', PATH: '' });
    expect(status).toBe(1);
    expect(stderr).toContain('npm cannot be started (ENOENT)');
    expect(stderr).not.toContain('    at ');
  });

  it('names the commands that exist', () => {
    using workspace = new Workspace();
    const { status, stderr } = workspace.build(['tset']);
    expect(status).toBe(1);
    expect(stderr).toBe(
      "build.mjs: unknown command 'tset': expected one of build, start, test, campaign, check, bench\n",
    );
  });
});

describe('running a tool', () => {
  it('passes further arguments on', () => {
    using workspace = new Workspace();
    expect(workspace.build(['check', '--write']).stdout).toBe(
      'biome check --error-on-warnings --write\n',
    );
  });

  it('passes the exit status on', () => {
    using workspace = new Workspace();
    expect(workspace.build(['check'], { TSC_STATUS: '3' }).status).toBe(3);
  });
});
