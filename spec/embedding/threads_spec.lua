-- A program (spec/helpers/embedded/threads.c) embeds the static library in several threads, each with its Lua state:
-- under ThreadSanitizer where there is one, and on stacks of all sizes.
local lab = require "corosync.lab"
local files = require "spec.helpers.files"
local program = require "spec.helpers.program"

local BUILD = ("build/%s/spec/"):format(os.getenv "LUA_VERSION")
local THREADS, THREADS_TSAN = BUILD .. "threads", BUILD .. "threads-tsan"
local WORK, STACK = "spec/helpers/embedded/thread.lua", "spec/helpers/embedded/stack.lua"
local REPACK = "spec/helpers/embedded/repack.lua"

-- The code with which a program ends; anything that it complains of fails.
local function run(...)
  local it = program.start(...)
  it:close_stdin()
  local code, signal = assert(it:wait(600))
  assert.same({ 0, "" }, { signal, table.concat(it.errors, "\n") })
  return code, table.concat(it.lines, "\n")
end

describe("Lua states in threads of one process", function()
  after_each(program.clean)

  it("open, use and close their own handles concurrently", function()
    assert.equal(0, (run(THREADS, "2048", WORK, WORK, WORK)))
  end)

  it("have no data race under ThreadSanitizer #once", function()
    if not files.exists(THREADS_TSAN) then
      pending "ThreadSanitizer does not work here"
      return
    end
    assert.equal(0, (run("env", "TSAN_OPTIONS=", THREADS_TSAN, "8192", WORK, WORK, WORK)))
  end)
end)

describe("cpg.repack", function()
  local cluster

  teardown(function() assert(cluster == nil or cluster:stop()) end)

  it("has no data race with a reader that has taken a change of the ring #once", function()
    if not files.exists(THREADS_TSAN) then
      pending "ThreadSanitizer does not work here"
      return
    end
    cluster = assert(lab.start(2))
    local it = assert(cluster:run(1, { "env", "TSAN_OPTIONS=", THREADS_TSAN, "8192", REPACK }))
    assert(cluster:wait_for(function() return it.exited or it.lines[1] end, 60, "its first line"))
    assert(cluster:kill(2))
    assert(cluster:wait_members({ 1 }, 60))
    assert(cluster:restart(2))
    local code, signal = assert(it:wait(600))
    assert.same({ 0, 0, "" }, { code, signal, table.concat(it.errors, "\n") })
  end)
end)

describe("dispatch in a thread", function()
  local function on_stack(kib)
    local code, line = run(THREADS, tostring(kib), STACK)
    assert.equal(0, code)
    return line
  end

  after_each(program.clean)

  it("fails with 512 KiB of stack", function() assert.equal("no_stack", on_stack(512)) end)

  it("works with 2 MiB of stack", function() assert.equal("fine", on_stack(2048)) end)

  it("fails or works near the limit, without a crash", function()
    local found = {}
    for kib = 1120, 1216, 8 do
      found[on_stack(kib)] = true
    end
    assert.same({ no_stack = true, fine = true }, found)
  end)
end)

describe("dispatch in the main thread", function()
  local LUA = os.getenv("LUA"):match "%S+$"
  local GROWN = ("assert(select(3, require('corosync.cpg').open({}):dispatch()) == 'no_stack');"
    .. "os.execute 'prlimit --stack=8388608: --pid $PPID'; dofile '%s'"):format(STACK)

  local function limited(kib, ...)
    return run("sh", "-c", ("ulimit -S -s %s && exec \"$@\""):format(kib), "sh", LUA, ...)
  end

  after_each(program.clean)

  it("fails with a stack limit of 512 KiB", function()
    assert.same({ 0, "no_stack" }, { limited(512, STACK) })
  end)

  it("works with a stack limit of 2 MiB and with the maximum", function()
    assert.same({ 0, "fine" }, { limited(2048, STACK) })
    assert.same({ 0, "fine" }, { limited("$(ulimit -H -s)", STACK) })
  end)

  it("works once the stack limit has been raised", function()
    assert.same({ 0, "fine" }, { limited(512, "-e", GROWN) })
  end)
end)
