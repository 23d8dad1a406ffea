-- A lab of one node for each way in which libqb can carry Corosync's messages.
local assert = require "luassert"
local lab = require "corosync.lab"

local SOCKET = [[sed -i 's/^system {/&\n  qb_ipc_type: socket/' /run/corosync.conf]]
-- The whole machine shares the names of the sockets' files: this node has its own.
local FILES = [[
set -e
cp -r /etc /run/etc 2>/dev/null || [ -d /run/etc ]
mkdir -p /run/etc/libqb /run/tmp
touch /run/etc/libqb/force-filesystem-sockets
mount -n --bind /run/etc /etc
mount -n --bind /run/tmp /tmp]]

local transports = {
  { name = "datagram sockets", prepare = { SOCKET }, has_files = false, has_datagrams = true },
  { name = "shared memory and sockets with file names", prepare = { FILES }, has_files = true },
  { name = "datagram sockets with file names", prepare = { SOCKET, FILES }, has_files = true,
    has_datagrams = true },
}

function transports.start(transport)
  local cluster = assert(lab.start(1))
  for _, script in ipairs(transport.prepare) do
    local code, _, errors = cluster:command(1, { "sh", "-c", script })
    assert.equal(0, code, errors)
  end
  assert(cluster:restart(1))
  local has_files = cluster:command(1, { "grep", "-q", " /.*/cpg$", "/proc/net/unix" }) == 0
  assert.equal(transport.has_files, has_files)
  return cluster
end

return transports
