-- Functions of a group that a host or a loop of another kind may replace; all are called with the group's record.
local activation = require "corosync.group.activation"
local arguments = require "corosync.group.arguments"
local core = require "corosync.binding"
local dispatch = require "corosync.group.dispatch"
local handlers = require "corosync.group.handlers"
local loss = require "corosync.group.loss"
local pollfd = require "corosync.group.pollfd"
local wait_for = require "corosync.group.wait_for"

return {
  activate = activation.activate,
  before_activate = function() return true end, -- or nil, message, code
  dispatch = dispatch.dispatch,
  fd = pollfd.fd,
  flush = function(record) return record.handle and record.handle:flush() end, -- does not wait
  packs = function(record) return arguments.option(record.handlers, "pack") end,
  open = function(own) return core.cpg.open(own) end, -- the handle; `own`: its handlers
  open_quorum = function(own) return core.quorum.open(own) end, -- the same for views
  on_lost = function() end, -- (record, message, code): called first
  reconnect = loss.reconnect, -- (record, message): called after a loss
  report = handlers.report,
  stop = dispatch.stop,
  wait_for = wait_for,
  log = function(line) core.complain(line) end, -- a host may replace it
  -- activates_to_send: whether a send activates the group
  -- globals (): the table in which message_received is looked up
}
