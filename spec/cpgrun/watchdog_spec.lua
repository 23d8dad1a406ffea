local lab = require "corosync.lab"
local program = require "spec.helpers.program"

local file, line, complaint = program.file, program.line, program.complaint

describe("cpgrun --watchdog", function()
  after_each(program.clean)
  teardown(program.remove)

  it("reports a call that does not return, in the format of the log", function()
    local cluster = assert(lab.start(1))
    finally(function() assert(cluster:stop()) end)
    local hosts = {}
    for format, pattern in pairs {
      text = "warning: cpg: leave of group 'blo\\039cked\\200\"' has not returned for %d+ s",
      journal = "^<4>cpg: leave of group 'blo\\039cked\\200\"' has not returned for %d+ s",
      json = '^{"time":"[%d:.T-]+Z","level":"warning","message":"cpg: leave of group '
        .. "'blo\\\\039cked\\\\200\\\"' has not returned for %d+ s[^\"]*\"}$",
    } do
      local it = assert(cluster:run(1, { "cpgrun", "--watchdog", "0.2", "--log-format", format, "--group",
        "blo'cked\200\"", file("blocked.lua", program.NOTHING_BUT_UP) }))
      line(it, "^up$")
      hosts[it] = pattern
    end
    assert(cluster:pause(1))
    for it, pattern in pairs(hosts) do
      it:kill "sigterm"
      complaint(it, pattern)
    end
    assert(cluster:resume(1))
    for it in pairs(hosts) do
      assert.same({ 0, 0 }, { it:wait(60) })
    end
  end)

  it("reports calls of cmap and quorum", function()
    local cluster = assert(lab.start(1))
    finally(function() assert(cluster:stop()) end)
    local it = assert(cluster:run(1, { "cpgrun", "--watchdog", "0.2", file("asking.lua", [[
      function config_change() end
      local steps = {
        function() return cmap:get "totem.version" end,
        function() return cmap:set("spec.watchdog", 1, "u8") end,
        function() return cmap:track("spec.", function() end) end,
        function() return cmap:each "totem." end,
        function() return quorum:quorate() end,
        function() return cmap:delete "spec.watchdog" end,
      }
      local input = require("luv").new_pipe(false)
      input:open(0)
      input:read_start(function(_, line)
        if line then print("done", table.remove(steps, 1)() ~= nil) end
      end)
      function started() print "up" end]]) }))
    line(it, "^up$")
    for i, call in ipairs { "cmap: get of key 'totem.version'", "cmap: get of key 'spec.watchdog'",
      "cmap: track of key 'spec.'", "cmap: each of key 'totem.'", "quorum: quorate",
      "cmap: delete of key 'spec.watchdog'" } do
      assert(cluster:pause(1))
      assert(it:write "\n")
      complaint(it, "warning: " .. call .. " has not returned for")
      assert(cluster:resume(1))
      assert(cluster:wait_for(function() return #it.lines == i + 1 end, 60))
      assert.equal("done\ttrue", it.lines[i + 1])
    end
    it:kill "sigterm"
    assert.same({ 0, 0 }, { it:wait(60) })
  end)
end)
