-- Compares replicas on three nodes with messages of plain groups that are not packed, and with etcd if it is installed.
-- Measures how a snapshot slows down writers. Prints the tables of docs/speed.md.
--
--   make bench-replica [PAIRS=5] [PARTS="rates changes snapshots"] [STORAGE=/folder]
local figures = require "bench.figures"
local lab = require "corosync.lab"
local settings = require "bench.replica.settings"
local print_beside_etcd = require "bench.replica.beside_etcd"
local print_beside_messages = require "bench.replica.beside_messages"
local print_changes = require "bench.replica.changes"
local print_fsync = require "bench.replica.fsync"
local print_snapshots = require "bench.replica.snapshots"

local PARTS = settings.storage and "rates" or os.getenv "PARTS" or "rates changes snapshots"

io.stdout:setvbuf "line"
figures.print_head(("medians of %d pairs of runs, lowest and highest in brackets"):format(settings.pairs))
if settings.storage then
  print_fsync()
end
local cluster = assert(lab.start(settings.nodes))
if PARTS:find "rates" then
  print_beside_messages(cluster)
end
if PARTS:find "changes" then
  print_changes(cluster)
end
if PARTS:find "rates" then
  print_beside_etcd(cluster)
end
assert(cluster:stop())
if PARTS:find "snapshots" then
  print_snapshots()
end
