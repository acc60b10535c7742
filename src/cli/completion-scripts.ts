/**
 * Owns: what each shell runs to complete a command line of `hyp`: a few lines that ask
 * `hyp complete -- <words…>` and hand over what it says. It answers a line `:words`, `:files` or
 * `:directories`, then a line for each word: the word, a tab, what it is.
 * The bash of macOS is 3.2: no mapfile, no compopt there.
 * llp/0010
 */

const BASH = `# bash completion of hyp: hyp completion bash > ~/.local/share/bash-completion/completions/hyp
_hyp() {
  local line kind='' current="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :*) kind="$line" ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("$1" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [ "$current" = '=' ] && current=''
  local IFS=$'\\n'
  case "$kind" in
    :files) COMPREPLY=($(compgen -f -- "$current")) ;;
    :directories) COMPREPLY=($(compgen -d -- "$current")) ;;
    *) return ;;
  esac
  type compopt >/dev/null 2>&1 && compopt -o filenames 2>/dev/null
}
complete -F _hyp hyp
`;

const ZSH = `#compdef hyp
# zsh completion of hyp: hyp completion zsh > a file _hyp in a directory of $fpath
_hyp() {
  local line kind=''
  local -a found
  for line in "\${(@f)$("$words[1]" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case "$line" in
      :*) kind="$line" ;;
      ?*) found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  case "$kind" in
    :files) _files ;;
    :directories) _files -/ ;;
    *) _describe hyp found ;;
  esac
}
if [ "\${funcstack[1]}" = _hyp ]; then _hyp "$@"; else compdef _hyp hyp; fi
`;

const FISH = `# fish completion of hyp: hyp completion fish > ~/.config/fish/completions/hyp.fish
function __hyp_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  for line in ($words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
    switch $line
      case ':files'
        __fish_complete_path "$current"
      case ':directories'
        __fish_complete_directories "$current"
      case ':*'
      case '*'
        echo $line
    end
  end
end
complete -c hyp -f -a '(__hyp_complete)'
`;

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
