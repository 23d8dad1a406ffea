-- Prints the time of an fsync alone, in the folder of STORAGE.
local uv = require "luv"
local figures = require "bench.figures"
local settings = require "bench.replica.settings"

return function()
  local path, seconds = settings.storage .. "/sync", {}
  local file = assert(uv.fs_open(path, "w", 384))
  for i = 1, 200 do
    assert(uv.fs_write(file, ("x"):rep(settings.size), -1))
    local began = uv.hrtime()
    assert(uv.fs_fsync(file))
    seconds[i] = (uv.hrtime() - began) / 1e9
  end
  assert(uv.fs_close(file))
  assert(uv.fs_unlink(path))
  local it = figures.spread(seconds)
  print(("One fsync of %d B takes %.0f µs (%.0f to %.0f).\n"):format(settings.size, it[1] * 1e6, it[2] * 1e6,
    it[3] * 1e6))
end
