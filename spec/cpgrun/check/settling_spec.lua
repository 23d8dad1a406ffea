local settling = require "cpgrun.check.settling"

describe("the number of descriptors that the end of a trial is compared with", function()
  -- The scripts' numbers, by node; a script without one has not joined.
  local function count(session, numbers)
    local hosts = {}
    function hosts.each()
      return ipairs(hosts)
    end
    for node, number in ipairs(numbers) do
      hosts[node] = {
        has_joined = function() return number ~= 0 end,
        count_descriptors = function() return number end,
      }
    end
    session.hosts = hosts
    settling.count_descriptors(session)
    return session.descriptors
  end

  it("is the highest so far, even if scripts have fewer while Corosync is away", function()
    local session = {}
    assert.is_nil(count(session, { 0, 0 }))
    assert.equal(40, count(session, { 30, 40 }))
    assert.equal(40, count(session, { 20, 20 }))
  end)
end)
