-- Periodic jobs: each run is on one node, as long as a majority of the nodes is there.
--
--   cpgrun examples/cron.lua "logrotate /etc/logrotate.conf"     on each node: one of them runs it at 02:30
--   cpgrun --lab 3 examples/cron.lua          then type:  kill_host(1)   partition({1,2},{3})   and later:  heal()
--
-- A tick runs at most once, and not at all if the node that is to run it fails first. A job that must not be skipped
-- should check `missed`, or keep in a map what it has done.
local app = assert(require "corosync.replica" "cron")

app:every("heartbeat", 1, function(tick, _, missed)
  check.unique("heartbeat", tick)
  print(("heartbeat %d, after %d missed"):format(tick, missed))
end)

app:every("nightly", { at = "02:30" }, function(day, token, missed)
  print(("nightly job of day %d with token %d, after %d missed"):format(day, token, missed))
  if arg[1] then os.execute(arg[1]) end
end)
