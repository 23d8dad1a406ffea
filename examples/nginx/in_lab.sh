#!/bin/sh
# Runs nginx on a node of a lab: the cache, with its origin on node 1, or a configuration of your own. Build with `make`
# and `make LUA_VERSION=jit binding`, then
#
#   lua5.4 examples/in_lab.lua 3 examples/nginx/in_lab.sh [/path/to/nginx.conf]
#
# and type, for example:  1: curl -sX PUT -d new localhost:8080/key    2: curl -si localhost:8080/key    kill(2)
top=$(cd "$(dirname "$0")/../.." && pwd)
export LUA_PATH="$top/build/jit/share/lua/5.1/?.lua;$top/build/jit/share/lua/5.1/?/init.lua;;"
export LUA_CPATH="$top/build/jit/lib/lua/5.1/?.so;;"

# As root nginx sets the groups of its workers, which it must not in an ordinary user's lab. There it is not root.
read -r _ _ users </proc/self/uid_map
[ "$users" = 1 ] && as="unshare -U --map-user=1 --map-group=1" && user= || user="user root;"

start() {
	exec $as nginx -e stderr -p "$top/examples/nginx" -c "$1" -g "$user daemon off; error_log stderr notice;"
}

if [ $# = 0 ] && [ "$NODE" = 1 ]; then
	(start origin.conf) &
fi
start "${1:-nginx.conf}"
