package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.CodeBuilder.Register;
import dev.warpwright.softgpu.sim.Statement.Function;
import dev.warpwright.softgpu.sim.Statement.Variable;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** call: of a function of the driver, of one that is expanded, of one with a frame. */
final class Calls {
  private final Form form;
  private final List<Operand> arguments;
  private final List<Operand> results;

  private Calls(Form form, List<Operand> arguments, List<Operand> results) {
    this.form = form;
    this.arguments = arguments;
    this.results = results;
  }

  static void decode(Form form) {
    form.take("uni");
    form.instr.group = Instr.Group.CONTROL;
    int at = form.operand(0) instanceof Operand.Arguments ? 1 : 0;
    List<Operand> results = at == 0 ? List.of() : arguments(form.operand(0));
    Operand called = form.operand(at);
    String name = form.name(at++);
    List<Operand> arguments = List.of();
    if (at < form.operands.size() && form.operand(at) instanceof Operand.Arguments) {
      arguments = arguments(form.operand(at++));
    }
    Calls call = new Calls(form, arguments, results);
    if (form.code.lookup(name) instanceof Register) {
      call.byAddress(called, form.name(at++));
    } else {
      call.byName(name);
    }
    form.needOperands(at, at);
  }

  private static List<Operand> arguments(Operand operand) {
    return operand instanceof Operand.Arguments a ? a.parts() : List.of();
  }

  private void byAddress(Operand register, String name) {
    if (!(form.code.lookup(name) instanceof Statement.Prototype prototype)) {
      throw form.refuse("a prototype is expected");
    }
    CallSite site = site(prototype.parameters(), prototype.results());
    int address = form.source(register, PtxType.U64);
    form.instr.destination = (warp, lane) -> warp.calls.enter(lane, warp.q[address + lane], site);
    form.code.add(form.instr);
  }

  private void byName(String name) {
    if (SystemCalls.isKnown(name)) {
      form.instr.action =
          SystemCalls.action(form, name, form.variables(arguments), form.variables(results));
      form.code.add(form.instr);
      return;
    }
    Function function = form.code.module.function(name);
    if (function == null || function.body() == null || function.entry()) {
      throw form.refuse("call of " + name + ", which is no function that is defined here");
    }
    Callee callee = form.code.callee(name);
    if (callee == null) {
      requireCounts(function.parameters(), function.results());
      expand(function);
      return;
    }
    CallSite site = site(function.parameters(), function.results());
    form.instr.destination = (warp, lane) -> warp.calls.enter(lane, callee, site);
    form.code.add(form.instr);
  }

  private void requireCounts(List<Variable> parameters, List<Variable> wanted) {
    if (parameters.size() != arguments.size() || wanted.size() != results.size()) {
      throw form.refuse("a call with another number of arguments");
    }
  }

  private CallSite site(List<Variable> parameters, List<Variable> wanted) {
    requireCounts(parameters, wanted);
    form.instr.kind = Instr.Kind.JUMP;
    return new CallSite(
        form.instr,
        form.variables(arguments),
        CallSite.sizes(parameters),
        form.variables(results),
        CallSite.sizes(wanted));
  }

  /** A guarded call is jumped over; the callee's parameters are the caller's variables. */
  private void expand(Function function) {
    Map<String, Object> symbols = new HashMap<>();
    for (int i = 0; i < arguments.size(); i++) {
      symbols.put(function.parameters().get(i).name(), form.symbol(arguments.get(i)));
    }
    for (int i = 0; i < results.size(); i++) {
      symbols.put(function.results().get(i).name(), form.symbol(results.get(i)));
    }
    Instr over = form.instr;
    if (over.guard >= 0) {
      over.kind = Instr.Kind.BRANCH;
      over.negated = !over.negated;
      form.code.add(over);
    }
    form.code.expand(function, symbols);
    over.target = form.code.here();
  }
}
