import { Dialog } from './Dialog.tsx'

interface Props {
  title: string
  text: string
  action: string
  onConfirm: () => void
  onClose: () => void
}

export function Confirm({ title, text, action, onConfirm, onClose }: Props) {
  return (
    <Dialog label={title} onClose={onClose}>
      <h2>{title}</h2>
      <p>{text}</p>
      <div className="actions">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          className="danger solid"
          onClick={() => {
            onClose()
            onConfirm()
          }}
        >
          {action}
        </button>
      </div>
    </Dialog>
  )
}
