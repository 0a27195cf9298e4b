package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.sim.Entry;
import dev.warpwright.softgpu.sim.PtxModule;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A module of a context, with the handles of its functions. */
final class LoadedModule {
  /** A kernel with what the caller has set for it. */
  static final class Function {
    private final LoadedModule module;
    private final Entry entry;
    int maxDynamicShared;
    int carveout = -1;

    private Function(LoadedModule module, Entry entry) {
      this.module = module;
      this.entry = entry;
      maxDynamicShared =
          Math.max(0, module.context.device().profile().sharedPerBlock() - entry.staticShared());
    }

    LoadedModule module() {
      return module;
    }

    Entry entry() {
      return entry;
    }
  }

  private final Context context;
  private final PtxModule ptx;
  private final Handles handles;
  private final Map<String, Long> functions = new HashMap<>();
  private final List<Long> allHandles = new ArrayList<>();
  private final long handle;

  LoadedModule(Context context, PtxModule ptx, Handles handles) {
    this.context = context;
    this.ptx = ptx;
    this.handles = handles;
    handle = handles.add(this);
    allHandles.add(handle);
  }

  long handle() {
    return handle;
  }

  Context context() {
    return context;
  }

  PtxModule ptx() {
    return ptx;
  }

  /** The handle of a kernel, the same at every call, or null when there is none of that name. */
  @Nullable Long function(String name) {
    Long known = functions.get(name);
    if (known != null) {
      return known;
    }
    Entry entry = ptx.entry(name);
    if (entry == null) {
      return null;
    }
    long added = handles.add(new Function(this, entry));
    functions.put(name, added);
    allHandles.add(added);
    return added;
  }

  void unload() {
    allHandles.forEach(handles::remove);
    ptx.unload();
  }
}
