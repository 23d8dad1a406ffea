#!/bin/sh
# Runs the cache on a node of a lab, and the origin on node 1. Build with `make` and `make LUA_VERSION=jit binding`, then
#
#   sudo lua5.4 examples/in_lab.lua 3 examples/nginx/in_lab.sh
#
# and type, for example:  1: curl -sX PUT -d new localhost:8080/key    2: curl -si localhost:8080/key    kill(2)
top=$(cd "$(dirname "$0")/../.." && pwd)
export LUA_PATH="$top/build/jit/share/lua/5.1/?.lua;$top/build/jit/share/lua/5.1/?/init.lua;;"
export LUA_CPATH="$top/build/jit/lib/lua/5.1/?.so;;"

start() {
	exec nginx -e stderr -p "$top/examples/nginx" -c "$1" -g "user root; daemon off; error_log stderr notice;"
}

if [ "$NODE" = 1 ]; then
	(start origin.conf) &
fi
start nginx.conf
