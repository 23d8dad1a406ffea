local groups = require "spec.helpers.groups"
local program = require "spec.helpers.program"
local storages = require "spec.helpers.storages"
local uv = require "luv"

describe("a replica's storage whose process is killed", function()
  after_each(function()
    storages.remove()
    program.clean()
  end)

  -- Returns the last number that the process printed after each word.
  local function reported(it)
    local numbers = { committed = 0, based = 0 }
    for _, line in ipairs(it.lines) do
      local word, number = line:match "^(%l+) (%d+)$"
      if word then
        numbers[word] = tonumber(number)
      end
    end
    return numbers
  end

  local function is_body(blob, number)
    return blob == (number .. " "):rep(#blob / #(number .. " "))
  end

  -- Checks that the base is whole, and that each index after it has its entry, at least up to the last one that was
  -- reported.
  local function check(content, numbers)
    if not content then
      return assert.same({ committed = 0, based = 0 }, numbers)
    end
    local last = tonumber(content.base or 0)
    assert.is_true(last >= numbers.based)
    if content.base then
      assert.equal(tonumber(content.chunks[1]) + 1, #content.chunks)
      for number = 1, #content.chunks - 1 do
        assert.is_true(is_body(content.chunks[number + 1], number))
      end
    end
    for _, entry in ipairs(content.entries) do
      assert.equal(last + 1, entry[1])
      assert.is_true(is_body(entry[2], entry[1]))
      last = entry[1]
    end
    assert.is_true(last >= numbers.committed, last .. " of " .. numbers.committed)
    assert.equal(last, tonumber(content.meta))
  end

  -- Kills the writer the given number of milliseconds after it has begun.
  local function kill_after(it, milliseconds)
    program.line(it, "^writing")
    local timer = uv.new_timer()
    timer:start(milliseconds, 0, function()
      it:kill "sigkill"
      timer:close()
    end)
    local _, signal = assert(it:wait(20))
    assert.equal(9, signal, table.concat(it.errors, "\n"))
  end

  local function kill_often(times)
    local seed = os.time()
    math.randomseed(seed)
    local total = 0
    for kill = 1, times do
      local it = program.start(groups.interpreter, "spec/helpers/clients/storage_writer.lua", storages.path(),
        tostring(seed + kill))
      kill_after(it, math.random(0, 30))
      local numbers = reported(it)
      total = total + numbers.committed
      local store = assert(storages.open())
      local ok, problem = pcall(check, storages.content(store), numbers)
      assert(ok, ("seed %d, kill %d: %s"):format(seed, kill, tostring(problem)))
      store:close()
    end
    assert.is_true(total > 0)
  end

  it("has all that was committed, and no holes", function()
    kill_often(25)
  end)

  it("has all that was committed, and no holes, 400 times #slow", function()
    kill_often(400)
  end)
end)
