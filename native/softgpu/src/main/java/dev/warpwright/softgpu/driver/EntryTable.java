package dev.warpwright.softgpu.driver;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/** Which method implements which function of a library. */
final class EntryTable {
  private EntryTable() {}

  /** One implemented function. */
  record Entry(
      Library library,
      String symbol,
      Class<?> area,
      MethodHandle body,
      FunctionDescriptor signature) {
    /** Calls the method of {@code receiver}. */
    void call(Object receiver, Object[] arguments) throws Throwable {
      body.invoke(receiver, arguments);
    }
  }

  /** All implemented functions of a library by name. */
  static Map<String, Entry> read(Library library) {
    Map<String, Entry> entries = new TreeMap<>();
    for (Class<?> area : library.areas()) {
      for (Method method : area.getDeclaredMethods()) {
        CudaEntry entry = method.getAnnotation(CudaEntry.class);
        if (entry != null) {
          for (String symbol : entry.value()) {
            entries.put(symbol, entry(library, symbol, area, method));
          }
        }
      }
    }
    return entries;
  }

  private static Entry entry(Library library, String symbol, Class<?> area, Method method) {
    MemoryLayout[] layouts =
        Arrays.stream(method.getParameterTypes())
            .map(EntryTable::layout)
            .toArray(MemoryLayout[]::new);
    try {
      MethodHandle body =
          MethodHandles.lookup().unreflect(method).asSpreader(Object[].class, layouts.length);
      return new Entry(
          library, symbol, area, body, FunctionDescriptor.of(ValueLayout.JAVA_INT, layouts));
    } catch (IllegalAccessException e) {
      throw new LinkageError("entry point " + method, e);
    }
  }

  private static MemoryLayout layout(Class<?> type) {
    if (type == MemorySegment.class) {
      return ValueLayout.ADDRESS;
    } else if (type == long.class) {
      return ValueLayout.JAVA_LONG;
    } else if (type == int.class) {
      return ValueLayout.JAVA_INT;
    } else if (type == short.class) {
      return ValueLayout.JAVA_SHORT;
    } else if (type == byte.class) {
      return ValueLayout.JAVA_BYTE;
    }
    throw new LinkageError("no C type for " + type);
  }
}
