package dev.warpwright.softgpu.driver;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** The functions of the driver: which are exported, and which method implements which. */
final class EntryTable {
  /** The classes that implement entry points; each has a constructor that takes the driver. */
  static final List<Class<?>> AREAS =
      List.of(
          DeviceCalls.class,
          ContextCalls.class,
          MemoryCalls.class,
          HostMemoryCalls.class,
          CopyCalls.class,
          MemsetCalls.class,
          StreamCalls.class,
          EventCalls.class,
          ModuleCalls.class,
          FunctionCalls.class,
          LaunchCalls.class,
          GraphCalls.class);

  private static final String SYMBOLS = "libcuda-symbols.txt";

  private EntryTable() {}

  /** One implemented function. */
  record Entry(String symbol, Class<?> area, MethodHandle body, FunctionDescriptor signature) {
    /** Calls the method of {@code receiver}. */
    void call(Object receiver, Object[] arguments) throws Throwable {
      body.invoke(receiver, arguments);
    }
  }

  /** The names that JCuda's driver library binds to, sorted. */
  static List<String> symbols() {
    try (InputStream in = EntryTable.class.getResourceAsStream(SYMBOLS)) {
      return new String(
              Objects.requireNonNull(in, SYMBOLS).readAllBytes(), StandardCharsets.US_ASCII)
          .lines()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** All implemented functions by name. */
  static Map<String, Entry> read() {
    Map<String, Entry> entries = new TreeMap<>();
    for (Class<?> area : AREAS) {
      for (Method method : area.getDeclaredMethods()) {
        CudaEntry entry = method.getAnnotation(CudaEntry.class);
        if (entry != null) {
          for (String symbol : entry.value()) {
            entries.put(symbol, entry(symbol, area, method));
          }
        }
      }
    }
    return entries;
  }

  private static Entry entry(String symbol, Class<?> area, Method method) {
    MemoryLayout[] layouts =
        Arrays.stream(method.getParameterTypes())
            .map(EntryTable::layout)
            .toArray(MemoryLayout[]::new);
    try {
      MethodHandle body =
          MethodHandles.lookup().unreflect(method).asSpreader(Object[].class, layouts.length);
      return new Entry(symbol, area, body, FunctionDescriptor.of(ValueLayout.JAVA_INT, layouts));
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
