/** `kubervisor completion`: commands and their options, read from the commands themselves. */
import { Argument, Command } from 'commander';
import { commands } from './commands.ts';
import type { Context } from './context.ts';
import { example } from './options.ts';

type Shell = 'bash' | 'zsh' | 'fish';

interface Words {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly string[];
}

export function completionCommand(context: Context): Command {
  return new Command('kubervisor completion')
    .description('Print a completion script.')
    .addArgument(new Argument('<SHELL>').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', example('source <(kubervisor completion bash)', 'kubervisor completion fish | source'))
    .action(async (shell: Shell) => {
      const words = await Promise.all(
        commands.map(async ({ name, summary, load }): Promise<Words> => {
          const { options } = (await load())(context);
          return { name, summary, options: [...options.flatMap(({ long }) => long ?? []), '--help'] };
        }),
      );
      context.stdout.write(scripts[shell](words));
    });
}

const scripts: Readonly<Record<Shell, (words: readonly Words[]) => string>> = {
  bash: (words) => `_kubervisor() {
  local current=\${COMP_WORDS[COMP_CWORD]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${names(words)}" -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
${words.map(({ name, options }) => `    ${name}) COMPREPLY=($(compgen -W "${options.join(' ')}" -- "$current")) ;;`).join('\n')}
  esac
}
complete -o default -F _kubervisor kubervisor
`,
  zsh: (words) => `#compdef kubervisor
_kubervisor() {
  if (( CURRENT == 2 )); then
    compadd ${names(words)}
    return
  fi
  case $words[2] in
${words.map(({ name, options }) => `    ${name}) compadd -- ${options.join(' ')}; _files ;;`).join('\n')}
  esac
}
compdef _kubervisor kubervisor
`,
  fish: (words) =>
    words
      .flatMap(({ name, summary, options }) => [
        `complete -c kubervisor -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`,
        ...options.map(
          (option) => `complete -c kubervisor -n '__fish_seen_subcommand_from ${name}' -l ${option.replace(/^--/, '')}`,
        ),
      ])
      .map((line) => `${line}\n`)
      .join(''),
};

function names(words: readonly Words[]): string {
  return words.map(({ name }) => name).join(' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`;
}
