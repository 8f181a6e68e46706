# Debian's /etc/profile replaces PATH in login shells; the tool chains' own places come back here.
if [ -n "${TUGBOT_PATH:-}" ]; then
    export PATH="$TUGBOT_PATH"
fi
# Every session begins where the source is: shells, commands by ssh (Debian's bash reads its bashrc for them), sftp.
if [ -n "${SSH_CONNECTION:-}" ] && [ "$PWD" = "$HOME" ] && [ "${SHLVL:-1}" -le 1 ]; then
    cd /workspace 2>/dev/null || true
fi
