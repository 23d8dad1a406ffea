-- A trace: all groups of a process in one bounded file.
local history = require "corosync.history"
local standing = require "corosync.history.standing"
local uv = require "luv"

describe("a trace", function()
  local folder, path

  local function trace()
    package.loaded["corosync.history.trace"] = nil
    return require "corosync.history.trace"
  end

  before_each(function()
    folder = assert(uv.fs_mkdtemp "/tmp/trace-XXXXXX")
    path = folder .. "/trace"
  end)

  after_each(function()
    os.remove(path)
    os.remove(path .. ".1")
    assert(uv.fs_rmdir(folder))
  end)

  -- Without the times.
  local function lines(from)
    local found = {}
    for line in io.lines(from) do
      found[#found + 1] = not line:find "^time %d+%.%d%d%d$" and line or nil
    end
    return found
  end

  it("names the group of the lines that follow", function()
    local it = trace()
    assert(it.start(path))
    for _, each in ipairs { { "a", "activate" }, { "a", "lost" }, { "b\n", "activate" }, { "a", "activate" } } do
      assert(it.write(each[1], each[2]))
    end
    assert.same({ "start", "group a", "activate", "lost", "group b\\010", "activate", "group a", "activate" },
      lines(path))
  end)

  it("continues after the half line of a process that was killed", function()
    local file = assert(io.open(path, "w"))
    file:write "group a\nmess"
    file:close()
    assert(trace().start(path))
    assert.same({ "group a", "mess", "start" }, lines(path))
  end)

  it("that is full is renamed to FILE.1, and the next one begins with what still holds", function()
    local it = trace()
    assert(it.start(path))
    for _, line in ipairs { "config 1:10 1:10,2:20 - 2:20=join", "ring 1:4", "quorum yes", "locked duty 5",
      "locked other 6", "unlocked other", "suspended it is away", "ready" } do
      assert(it.write("a", line))
    end
    assert(it.write("b", "config 1:10 1:10 1:10=leave -"))
    local long = "error " .. ("x"):rep(2 ^ 20)
    for _ = 1, 16 do
      assert(it.write("a", long))
    end
    assert(it.write("a", "lost"))
    assert.same({ "group a", "config 1:10 1:10,2:20 - -", "ring 1:4", "quorum yes", "ready", "locked duty 5", "lost" },
      lines(path))
    local size = uv.fs_stat(path .. ".1").size
    assert.is_true(size >= 2 ^ 24 and size < 2 ^ 24 + 2 ^ 21)
  end)

  it("does not start where nothing can be written", function()
    local ok, why = trace().start(folder .. "/none/trace")
    assert.is_nil(ok)
    assert.matches("No such file", why)
    local message, code
    ok, message, code = history.trace(folder .. "/none/trace")
    assert.same({ false, "unwritable" }, { ok == true, code })
    assert.matches("^cannot write a trace: /tmp/", message)
  end)

  it("keeps notes of holders until they are released, and nothing after a leave", function()
    local kept = standing.new()
    for _, line in ipairs { "holds 1.5 a 1", "holds 2.5 b 2", "released 3.5 a", "config 1:10 1:10 - 1:10=join",
      "observing", "suspended it is closed" } do
      standing.note(kept, line)
    end
    assert.same({ "config 1:10 1:10 - -", "suspended it is closed", "holds 2.5 b 2" }, standing.lines(kept))
    standing.note(kept, "config 1:10 - 1:10=leave -")
    assert.same({ "holds 2.5 b 2" }, standing.lines(kept))
  end)
end)
