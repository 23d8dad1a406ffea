-- Scripts write traces, the lab and the check draw them.
local dkjson = require "dkjson"
local program = require "spec.helpers.program"
local uv = require "luv"

local file = program.file

local SPEAKS = [[
  function started()
    assert(group:send_message("from " .. group:address().node .. " </script>"))
  end
  function message_received() end]]

local function data_of(path)
  local handle = assert(io.open(path))
  local text = handle:read "*a":match '<script type="application/json" id="data">(.-)</script>'
  handle:close()
  return dkjson.decode(text)
end

-- The texts of the messages, sorted.
local function messages_of(data)
  local texts = {}
  for i, number in ipairs(data.messages.text) do
    texts[i] = data.texts[number + 1]
  end
  table.sort(texts)
  return texts
end

describe("cpgrun", function()
  after_each(program.clean)
  teardown(program.remove)

  it("draw rejects missing and unreadable traces", function()
    local code, _, errors = program.run("cpgrun", "draw")
    assert.equal(125, code)
    assert.matches("^Usage: cpgrun draw", errors)
    code, _, errors = program.run("cpgrun", "draw", "-o", file("out.html", ""), "/nonexistent/trace")
    assert.equal(125, code)
    assert.matches("error: cannot read a trace: /nonexistent/trace: No such file", errors)
  end)

  it("--trace rejects a file that cannot be written", function()
    local code, _, errors = program.run("cpgrun", "--trace", "/nonexistent/trace", file("speaks.lua", SPEAKS))
    assert.equal(1, code)
    assert.matches("error: cannot write a trace: /nonexistent/trace: No such file", errors)
  end)

  it("--lab-trace draws what all nodes sent, delivered and held #slow", function()
    local page = file("lab.html", "")
    local faults = file("faults.lua", [[
      local function deliveries() return #output(1) + #output(2) end
      wait_for(function() return deliveries() == 3 end, 60)]])
    local script = file("both.lua", [[
      local once = lock "once"
      function started()
        coroutine.wrap(function()
          local held = assert(once:acquire())
          assert(group:send_message("from " .. group:address().node .. " </script>"))
          print "held"
          held:release()
        end)()
      end
      local all = 0
      function message_received()
        all = all + 1
        if all == 1 and group:address().node == 1 then print "delivered" end
      end]])
    local it = program.start("cpgrun", "--lab", "2", "--lab-trace", page, "--lab-script", faults, script)
    program.ended(it, 0, 120)
    local data = data_of(page)
    local own = {}
    for _, text in ipairs(messages_of(data)) do
      own[#own + 1] = text:match "^from %d </script>$"
    end
    assert.same({ "from 1 </script>", "from 2 </script>" }, own)
    local locks, held = {}, {}
    for _, band in ipairs(data.bands) do
      held[#held + 1] = band.kind == "lock" and data.lanes[band.lane + 1].node or nil
      locks[band.name or ""] = true
    end
    table.sort(held)
    assert.same({ 1, 2 }, held)
    assert.is_true(locks.once)
    assert.equal(4, #data.lanes) -- two nodes, in the group and in its replica's
  end)

  it("check draws a run with violations #slow", function()
    local script = file("differs.lua", [[
      function config_change() end
      function started() check.unique("token", 1) end]])
    local it = program.start("cpgrun", "check", "--nodes", "2", "--seconds", "1", script)
    program.ended(it, 1, 120)
    local out = table.concat(it.lines, "\n") .. "\n"
    local path = assert(out:match "\nThe histories are drawn in (/%S+/drawing.html)\n", out)
    local data = data_of(path)
    assert.equal(0, (program.run("rm", "-r", (path:gsub("/drawing.html$", "")))))
    assert.matches("^unique: .* noted the token 1, which .* had already noted", data.marks[1].text)
    assert.is_number(data.marks[1].event)
  end)

  it("draw writes a page that a browser shows #slow", function()
    local browser = assert(io.popen "command -v chromium"):read "*l"
    if not browser then
      pending "no chromium here"
      return
    end
    local trace, page = file("trace", require("spec.helpers.histories").FIRST), file("page.html", "")
    assert.equal(0, (program.run("cpgrun", "draw", "-o", page, trace)))
    local profile = assert(uv.fs_mkdtemp "/tmp/browser-XXXXXX")
    local it = program.start(browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom",
      "--user-data-dir=" .. profile, "--virtual-time-budget=3000", "file://" .. page)
    program.ended(it, 0, 60)
    local shown = table.concat(it.lines, "\n")
    assert.equal(0, (program.run("rm", "-r", profile)))
    assert.matches("7 messages · 18 events", shown)
    assert.matches("How to read this page", shown)
  end)
end)
