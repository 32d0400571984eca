/// Scripts that let a shell complete the tool's command lines, written from the declarations.
enum CompletionScript {
    static let shells = ["bash", "zsh"]

    static func text(for shell: String, _ commands: [Command]) -> String { shell == "zsh" ? zsh(commands) : bash(commands) }

    // MARK: bash

    private static func bash(_ commands: [Command]) -> String {
        let names = (commands.map(\.name) + ["help"]).joined(separator: " ")
        let cases = commands.map { command -> String in
            var values = command.options.compactMap { option -> String? in
                guard option.value != nil else { return nil }
                let words = (option.letter.map { "-\($0)|" } ?? "") + "--\(option.name)"
                return "                \(words)) \(bashReply(option.values)) return ;;"
            }
            // An empty `case` is fine, an empty line in it is not pretty.
            if values.isEmpty { values = ["                '') ;;"] }
            let flags = command.options.map { "--\($0.name)" }.joined(separator: " ")
            return """
                        \(command.name))
                            case $previous in
                \(values.joined(separator: "\n"))
                            esac
                            if [[ $word == -* ]]; then
                                COMPREPLY=($(compgen -W '\(flags)' -- "$word"))
                            else
                                \(bashReply(command.positionals.last?.values ?? .any))
                            fi ;;
                """
        }
        return """
            # Completion of millrace for bash: eval "$(millrace completion bash)"
            _millrace() {
                local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
                COMPREPLY=()
                if [[ $COMP_CWORD -eq 1 || ( $COMP_CWORD -eq 2 && $previous == help ) ]]; then
                    COMPREPLY=($(compgen -W '\(names)' -- "$word"))
                    return
                fi
                case ${COMP_WORDS[1]} in
            \(cases.joined(separator: "\n"))
                esac
            }
            complete -F _millrace millrace
            """
    }

    private static func bashReply(_ values: Option.Values) -> String {
        switch values {
        case .any: "COMPREPLY=();"
        case .oneOf(let choices), .listOf(let choices):
            "COMPREPLY=($(compgen -W '\(choices.joined(separator: " "))' -- \"$word\"));"
        case .file: "COMPREPLY=($(compgen -f -- \"$word\"));"
        }
    }

    // MARK: zsh

    private static func zsh(_ commands: [Command]) -> String {
        let names = commands.map { "        '\($0.name):\(quoted($0.summary))'" }.joined(separator: "\n")
        let cases = commands.map { command -> String in
            let options = command.options.map { option -> String in
                let value = option.value.map { ":\(quoted($0)):\(action(option.values))" } ?? ""
                let star = option.repeats ? "*" : ""
                return "                '\(star)--\(option.name)[\(quoted(option.help))]\(value)'"
            }
            let words = command.positionals.map { positional in
                "                '\(positional.count.upperBound > 1 ? "*" : ""):\(quoted(positional.name)):\(action(positional.values))'"
            }
            return "        \(command.name))\n            _arguments \\\n"
                + (options + words).joined(separator: " \\\n") + " ;;"
        }
        return """
            #compdef millrace
            # Completion of millrace for zsh: eval "$(millrace completion zsh)"
            _millrace() {
                local -a commands
                commands=(
            \(names)
                )
                if (( CURRENT == 2 )); then
                    _describe command commands
                    return
                fi
                shift words
                (( CURRENT-- ))
                case $words[1] in
            \(cases.joined(separator: "\n"))
                esac
            }
            compdef _millrace millrace
            """
    }

    private static func action(_ values: Option.Values) -> String {
        switch values {
        case .any: " "
        case .oneOf(let choices): "(\(choices.joined(separator: " ")))"
        case .listOf(let choices): "_values -s , name \(choices.joined(separator: " "))"
        case .file: "_files"
        }
    }

    /// Text inside of a single-quoted description: quotes end it, brackets and colons mean something there.
    private static func quoted(_ text: String) -> String {
        text.map { character in
            switch character {
            case "'": "'\\''"
            case "[", "]", ":": "\\\(character)"
            default: String(character)
            }
        }.joined()
    }
}
