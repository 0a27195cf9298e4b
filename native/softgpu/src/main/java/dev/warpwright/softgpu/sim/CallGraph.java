package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Statement.Function;
import dev.warpwright.softgpu.sim.Statement.Instruction;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which functions must be called with a frame: those that call themselves, through others or not,
 * and those that are called by their address. All others are expanded where they are called.
 */
final class CallGraph {
  private final Map<String, Function> functions;

  /** Functions that each one calls by name. */
  private final Map<String, Set<String>> callees = new HashMap<>();

  /** Functions that call others by their address. */
  private final Set<String> indirect = new HashSet<>();

  /** Functions whose address is in code or in a variable. */
  private final Set<String> taken = new HashSet<>();

  CallGraph(ModuleText module) {
    functions = module.functions();
    module.pointedAt().stream().filter(this::isDefined).forEach(taken::add);
    for (Function function : functions.values()) {
      List<Statement> body = function.body();
      if (body != null) {
        body.forEach(statement -> read(function.name(), statement));
      }
    }
  }

  private boolean isDefined(String name) {
    Function function = functions.get(name);
    return function != null && function.body() != null;
  }

  private void read(String caller, Statement statement) {
    if (!(statement instanceof Instruction instruction)) {
      return;
    }
    Operand.Name called = called(instruction);
    for (Operand operand : instruction.operands()) {
      if (operand != called && operand instanceof Operand.Name name && isDefined(name.text())) {
        taken.add(name.text());
      }
    }
    if (called == null || SystemCalls.isKnown(called.text())) {
      return;
    }
    if (functions.containsKey(called.text())) {
      callees.computeIfAbsent(caller, name -> new LinkedHashSet<>()).add(called.text());
    } else {
      indirect.add(caller);
    }
  }

  /** What a call names: a function, or the register that holds its address. */
  private static Operand.@Nullable Name called(Instruction instruction) {
    if (instruction.opcode().equals("call") || instruction.opcode().startsWith("call.")) {
      for (Operand operand : instruction.operands()) {
        if (operand instanceof Operand.Name name) {
          return name;
        }
      }
    }
    return null;
  }

  /** The functions with frames that a kernel can reach, in the order of the text. */
  List<Function> framed(Function kernel) {
    Set<String> reached = new HashSet<>();
    follow(kernel.name(), reached);
    boolean byAddress = reached.stream().anyMatch(indirect::contains);
    if (byAddress) {
      taken.forEach(name -> follow(name, reached));
    }
    return functions.values().stream()
        .filter(f -> reached.contains(f.name()))
        .filter(f -> (byAddress && taken.contains(f.name())) || callsItself(f.name()))
        .toList();
  }

  private boolean callsItself(String function) {
    Set<String> reached = new HashSet<>();
    callees(function).forEach(callee -> follow(callee, reached));
    return reached.contains(function);
  }

  private void follow(String function, Set<String> reached) {
    if (reached.add(function)) {
      callees(function).forEach(callee -> follow(callee, reached));
    }
  }

  private Set<String> callees(String function) {
    return callees.getOrDefault(function, Set.of());
  }
}
