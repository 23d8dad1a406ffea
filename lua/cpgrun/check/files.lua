-- The files of a trial: histories, output and drawing. They are kept if a rule was violated, and removed otherwise.
local append = require("corosync.list").append
local drawing = require "cpgrun.drawing"
local follower = require "cpgrun.check.history_follower"
local log = require "cpgrun.log"
local uv = require "luv"

local files = {}

-- Returns the paths of all histories.
function files.histories(session)
  local paths = {}
  for _, host in ipairs(session.hosts.all) do
    append(paths, follower.files_in(host.folder))
  end
  return paths
end

local function write_file(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

function files.remove(session)
  for _, host in ipairs(session.hosts.all) do
    for _, path in ipairs(follower.files_in(host.folder)) do
      os.remove(path)
    end
    uv.fs_rmdir(host.folder)
  end
end

-- The scripts' output and Corosync's logs go beside the histories.
local function keep_output(session)
  for node = 1, session.cluster.nodes do
    write_file(("%s/node%d.corosync.txt"):format(session.folder, node), session.cluster:log(node))
  end
  for _, host in ipairs(session.hosts.all) do
    for name, lines in pairs { out = host.process.lines, err = host.process.errors } do
      write_file(("%s.node%d.%s.txt"):format(host.folder, host.node, name), table.concat(lines, "\n") .. "\n")
    end
  end
end

local function draw(session)
  local path = session.folder .. "/drawing.html"
  local ok, message = drawing.write(files.histories(session), path, session.marks)
  session.drawing = ok and path
  if not ok then
    log.warning(message)
  end
end

function files.keep(session)
  draw(session)
  keep_output(session)
end

return files
