local refused_sends = {
  name = "refused_sends",
  guarantee = "A message whose send failed is delivered to no member.",
  messages = { delivered = "%s delivered message %s of %s, whose send failed" },
}

function refused_sends.on_refused(report, session, delivery)
  report:add_delivery(refused_sends, "delivered", session, delivery)
end

return refused_sends
