import './card.css';
import './table.css';
import './picture.css';
