-- --metrics-file: writes the page to a file, for node_exporter's textfile collector. The file is replaced atomically,
-- and removed when the host ends.
local log = require "cpgrun.log"
local own = require "corosync.own_handles"
local uv = require "luv"

local file = {}

local FIRST, PERIOD = 1000, 15000 -- milliseconds; by the first the group has probably joined
local MODE = tonumber("644", 8) -- regardless of the umask, because the collector runs as another user

-- Returns true, or nil and a message. The collector reads names that end in ".prom", so the name of the new file must
-- not. Others may write to the folder, so links there are removed and not followed.
local function write(path, page)
  local new = path .. ".tmp"
  uv.fs_unlink(new)
  local descriptor, problem = uv.fs_open(new, "wx", MODE)
  if not descriptor then
    return nil, problem
  end
  uv.fs_fchmod(descriptor, MODE)
  local written
  written, problem = uv.fs_write(descriptor, page, 0)
  uv.fs_close(descriptor)
  local ok = written == #page
  if ok then
    ok, problem = uv.fs_rename(new, path)
  end
  if not ok then
    uv.fs_unlink(new)
    return nil, problem or "the disk is full"
  end
  return true
end

--- Writes the page to the file now, after 1 s, and every 15 s.
-- @tparam string path
-- @tparam fun():string make returns the page
-- @treturn table with `close()`, which removes the file
function file.begin(path, make)
  local timer, told = own(uv.new_timer()), nil
  local function update()
    local ok, problem = write(path, make())
    if not ok and told ~= problem then
      log.warning("cannot write the metrics to %s: %s", path, problem)
    end
    told = problem
  end
  update()
  timer:start(FIRST, PERIOD, update)
  timer:unref()
  return { close = function()
    timer:close()
    uv.fs_unlink(path)
  end }
end

return file
