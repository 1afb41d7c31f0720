#!/usr/bin/env node
/** The command line. A user's mistake is printed without a stack and exits with 2; a bug keeps its stack. */

import { Command, CommanderError } from 'commander';
import { DlakitError, formatProblem } from '../graph/errors.ts';
import { version } from '../index.ts';
import { calibrateCommand } from './commands/calibrate.ts';
import { checkCommand } from './commands/check.ts';
import { compileCommand } from './commands/compile.ts';
import { estimateCommand } from './commands/estimate.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { inspectCommand } from './commands/inspect.ts';
import { reportCommand } from './commands/report.ts';
import { runCommand } from './commands/run.ts';
import { createContext } from './context.ts';

const exitStatus = { gpuFallback: 1, mistake: 2, bug: 70, interrupted: 130 } as const;

async function main(): Promise<number> {
  const abort = new AbortController();
  // The first Ctrl-C ends the work cleanly, the second ends the process.
  process.once('SIGINT', () => abort.abort());
  const context = createContext(abort.signal);
  const program = new Command('dla')
    .description(
      'An open software stack for NVIDIA’s Deep Learning Accelerator: check, compile, run and time ONNX networks off the board.',
    )
    .version(version)
    .showHelpAfterError('(add --help for the flags and examples)');
  const commands = [
    checkCommand,
    calibrateCommand,
    compileCommand,
    runCommand,
    estimateCommand,
    evaluateCommand,
    reportCommand,
    inspectCommand,
  ].map((command) => command(context));
  for (const command of [program, ...commands]) command.exitOverride();
  for (const command of commands) program.addCommand(command.copyInheritedSettings(program));
  try {
    await program.parseAsync();
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitStatus.mistake;
    if (error instanceof DlakitError) {
      context.note(`dla: ${formatProblem(error.problem)}`);
      if (error.problem.code === 'cancelled') return exitStatus.interrupted;
      return error.problem.code === 'check/gpu-fallback' ? exitStatus.gpuFallback : exitStatus.mistake;
    }
    context.note(
      `dla: this is a bug in dlakit ${version}; please report it\n${(error as Error).stack ?? String(error)}`,
    );
    return exitStatus.bug;
  }
}

process.exitCode = await main();
