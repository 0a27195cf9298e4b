package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.CodeBuilder.Symbol;
import dev.warpwright.softgpu.sim.Statement.Function;
import dev.warpwright.softgpu.sim.Statement.Instruction;
import dev.warpwright.softgpu.sim.Statement.Variable;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Where the variables of a kernel lie in shared memory; the dynamic part comes last. */
final class SharedLayout {
  private static final int DYNAMIC_ALIGNMENT = 16;

  private final ModuleText module;
  private final TreeMap<Integer, String> names = new TreeMap<>();
  private final Map<String, Symbol> symbols = new HashMap<>();
  private final int dynamicBase;
  private int bytes;

  SharedLayout(ModuleText module, Function kernel, List<Function> framed) {
    this.module = module;
    Set<String> seen = new HashSet<>();
    place(kernel, seen);
    framed.forEach(function -> place(function, seen));
    dynamicBase = CodeBuilder.align(bytes, DYNAMIC_ALIGNMENT);
  }

  /** Places what a function and those that it calls declare or use. */
  private void place(Function function, Set<String> seen) {
    if (!seen.add(function.name()) || function.body() == null) {
      return;
    }
    for (Statement statement : function.body()) {
      if (statement instanceof Statement.Declare declare
          && declare.variable().space().equals("shared")) {
        place(declare.variable());
      } else if (statement instanceof Instruction instruction) {
        instruction.operands().forEach(operand -> place(operand, seen));
      }
    }
  }

  private void place(Operand operand, Set<String> seen) {
    if (operand instanceof Operand.Address address) {
      place(address.base(), seen);
    } else if (operand instanceof Operand.Name name) {
      Variable variable = module.sharedVariable(name.text());
      if (variable != null && variable.bytes() >= 0) {
        place(variable);
      }
      Function called = module.function(name.text());
      if (called != null) {
        place(called, seen);
      }
    }
  }

  private void place(Variable variable) {
    if (symbols.containsKey(variable.name())) {
      return;
    }
    bytes = CodeBuilder.align(bytes, Math.max(variable.align(), 1));
    symbols.put(variable.name(), new Symbol(Space.SHARED, bytes));
    names.put(bytes, variable.name());
    bytes += (int) variable.bytes();
  }

  /** The place of a variable, or null if there is none of that name in shared memory. */
  @Nullable Symbol find(String name) {
    Symbol known = symbols.get(name);
    if (known != null || module.sharedVariable(name) == null) {
      return known;
    }
    names.putIfAbsent(dynamicBase, "dynamic " + name);
    bytes = dynamicBase;
    return new Symbol(Space.SHARED, dynamicBase);
  }

  NavigableMap<Integer, String> names() {
    return names;
  }

  int bytes() {
    return bytes;
  }
}
