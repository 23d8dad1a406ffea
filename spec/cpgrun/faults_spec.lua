local program = require "spec.helpers.program"

describe("a file of faults", function()
  after_each(program.clean)
  after_each(program.remove)

  it("has the lab's functions only, and reports the line of an error after a wait", function()
    local script = program.file("lab.lua", "function config_change() end")
    local faults = program.file("faults.lua", [[
      mine = nodes
      assert(not rawget(_G, "mine") and not rawget(_G, "nodes"))
      local round = 0
      wait_for(function() round = round + 1 return round == 3 end, 60)
      print("waited", mine, round)
      error "in the end"]])
    local code, out, errors = program.run("cpgrun", "--lab", "1", "--lab-script", faults, script)
    assert.equal(1, code, errors)
    assert.matches("waited\t1\t3", out, 1, true)
    assert.matches("faults%.lua:6: in the end\nstack traceback:", errors)
  end)
end)
