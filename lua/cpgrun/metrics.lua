-- --metrics and --metrics-file: the host's metrics and the script's own.
local file = require "cpgrun.metrics.file"
local host = require "cpgrun.metrics.host"
local http = require "cpgrun.http"
local log = require "cpgrun.log"
local process = require "cpgrun.metrics.process"
local registry = require "cpgrun.metrics.registry"
local status = require "cpgrun.status"
local text = require "cpgrun.metrics.text"
local uv = require "luv"

local metrics = {}

local function add_process(lines)
  local values = process.read(status.snapshot().started)
  for _, name in ipairs(process.NAMES) do
    local kind, help = process.KINDS[name][1], process.KINDS[name][2]
    lines[#lines + 1] = ("# HELP %s %s\n# TYPE %s %s\n%s %s"):format(name, help, name, kind, name,
      text.number(values[name]))
  end
end

-- All metrics except those of the process have the script's name as a label, because node_exporter serves the files of
-- several hosts on one page.
local function page(state, with_process)
  local lines, common = {}, text.label("script", log.script)
  for _, each in ipairs(host.read(state.group)) do
    each:write(lines, common)
  end
  for _, each in ipairs(registry.all()) do
    each:write(lines, common)
  end
  if with_process then
    add_process(lines)
  end
  return table.concat(lines, "\n") .. "\n"
end

local INDEX = '<!DOCTYPE html><title>cpgrun</title><p><a href="/metrics">Metrics</a>\n'

local function respond(state, request)
  if request.path == "/metrics" then
    return 200, page(state, true), { ["Content-Type"] = text.TYPE }
  elseif request.path == "/" then
    return 200, INDEX, { ["Content-Type"] = "text/html; charset=utf-8" }
  end
  return 404
end

--- Opens the port of --metrics and starts measuring.
-- @tparam table state the host's
-- @treturn table with `begin()`, which starts writing the file of --metrics-file, and `close()`
-- @error nil, message
function metrics.open(state)
  local options, open, pid = state.options, {}, uv.os_getpid() -- a forked child must not remove socket and file
  if options.metrics then
    local server, message = http.serve(options.metrics, function(request) return respond(state, request) end)
    if not server then
      return nil, message
    end
    open[1] = server
    log.info("metrics are at %s/metrics", server.url)
  end
  host.measure()
  return {
    begin = function()
      if options.metrics_file then
        open[#open + 1] = file.begin(options.metrics_file, function() return page(state, false) end)
      end
    end,
    close = function()
      for _, each in ipairs(uv.os_getpid() == pid and open or {}) do
        each.close()
      end
      open = {}
    end,
  }
end

return metrics
