/** The commands, as one program. */

import { Command } from 'commander';
import { version } from '../index.ts';
import { calibrateCommand } from './commands/calibrate.ts';
import { checkCommand } from './commands/check.ts';
import { compileCommand } from './commands/compile.ts';
import { estimateCommand } from './commands/estimate.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { inspectCommand } from './commands/inspect.ts';
import { qdqCommand } from './commands/qdq.ts';
import { reportCommand } from './commands/report.ts';
import { runCommand } from './commands/run.ts';
import { traceCommand } from './commands/trace.ts';
import { tuneCommand } from './commands/tune.ts';
import type { Context } from './context.ts';
import { useTargetFile } from './options.ts';

const commands = [
  checkCommand,
  calibrateCommand,
  tuneCommand,
  qdqCommand,
  compileCommand,
  runCommand,
  estimateCommand,
  evaluateCommand,
  reportCommand,
  inspectCommand,
  traceCommand,
];

/** @param context where the commands print; what they are cancelled by */
export function createProgram(context: Context): Command {
  const program = new Command('dla')
    .description(
      'An open software stack for NVIDIA’s Deep Learning Accelerator: check, compile, run and time ONNX networks off the board.',
    )
    .version(version)
    .showHelpAfterError('(add --help for the flags and examples)')
    .hook('preAction', (_, command) => useTargetFile(command))
    .exitOverride();
  for (const make of commands) {
    const command = make(context).copyInheritedSettings(program);
    for (const part of command.commands) part.copyInheritedSettings(command);
    program.addCommand(command);
  }
  return program;
}
